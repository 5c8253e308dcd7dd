/** A task as users see it: its record with values in place of JSON text. */

import type { ReadTask } from './reading.ts'

/** What is known of a task at one moment. Times are milliseconds since the epoch. */
export interface TaskSnapshot<Output = unknown> extends Omit<ReadTask, 'resultText' | 'dataText'> {
  /** Set when succeeded. */
  readonly result?: Output
  /** Only where asked for. */
  readonly data?: unknown
}

export function snapshotOf<Output>(record: ReadTask): TaskSnapshot<Output> {
  const { resultText, dataText, ...same } = record
  return {
    ...same,
    ...(resultText !== undefined && { result: JSON.parse(resultText) as Output }),
    ...(dataText !== undefined && { data: JSON.parse(dataText) as unknown }),
  }
}
