/**
 * Many tasks at once, in bounded memory: each lane takes a batch from the source, submits it, and (with `--wait`) waits for its end before it
 * takes the next. How many tasks there are in all does not matter.
 */

import type { Client } from '../client/client.ts'
import type { TaskSnapshot } from '../client/snapshot.ts'
import { ChasquiError } from '../task/errors.ts'
import type { FinalState } from '../task/lifecycle.ts'
import { SUBMIT_BATCH_TASKS, SUBMIT_LANES } from '../task/limits.ts'
import type { Receipt } from '../task/task.ts'
import type { PlannedTask, Source } from './submit-source.ts'
import { waitForAll } from './wait.ts'

/** What happened so far. */
export interface Tally {
  confirmed: number
  duplicates: number
  refused: number
  ended: number
  readonly states: Record<FinalState | 'unfinished' | 'unknown', number>
}

export interface LanesOptions {
  readonly clients: readonly Client[]
  readonly source: Source
  /** Wait for the end of each task, until this time by performance.now(); null: do not wait. */
  readonly waitUntilMs: number | null
  readonly onConfirmed: (receipt: Receipt, tally: Tally) => void
  readonly onRefused: (task: PlannedTask, error: ChasquiError, tally: Tally) => void
  readonly onEnded: (record: TaskSnapshot | null, id: string, tally: Tally) => void
  /** Resolves when the output can take more. */
  readonly ready: () => Promise<void>
}

/** The same call cannot succeed for this task, and the others are not concerned. */
const REFUSALS = new Set([
  'INVALID_PARAMS',
  'INVALID_INPUT',
  'ID_CONFLICT',
  'FRAME_TOO_LARGE',
  'TOO_DEEP',
  'NOT_SUPPORTED',
])

/** Resolves when the source is used up. Rejects with the first error that concerns more than one task. */
export async function runLanes(options: LanesOptions): Promise<Tally> {
  const tally: Tally = {
    confirmed: 0,
    duplicates: 0,
    refused: 0,
    ended: 0,
    states: { succeeded: 0, failed: 0, canceled: 0, expired: 0, unfinished: 0, unknown: 0 },
  }
  const lanes = Array.from({ length: SUBMIT_LANES }, (_, index) =>
    runLane(options, options.clients[index % options.clients.length]!, tally),
  )
  await Promise.all(lanes)
  return tally
}

async function runLane(options: LanesOptions, client: Client, tally: Tally): Promise<void> {
  for (;;) {
    const batch = await takeBatch(options.source)
    if (batch.length === 0) return
    const ids = (await Promise.all(batch.map((task) => submitOne(options, client, task, tally)))).filter(
      (id) => id !== null,
    )
    if (options.waitUntilMs !== null) await waitForBatch(options, client, ids, tally)
    await options.ready()
  }
}

async function takeBatch({ tasks }: Source): Promise<PlannedTask[]> {
  const batch: PlannedTask[] = []
  while (batch.length < SUBMIT_BATCH_TASKS) {
    const { done, value } = await tasks.next()
    if (done) break
    batch.push(value)
  }
  return batch
}

/** The id that stands for the task; null when it was refused. */
async function submitOne(
  { onConfirmed, onRefused }: LanesOptions,
  client: Client,
  task: PlannedTask,
  tally: Tally,
): Promise<string | null> {
  try {
    const { receipt } = await client.submit(task.type, task.data, task.options)
    tally.confirmed++
    if (receipt!.duplicate) tally.duplicates++
    onConfirmed(receipt!, tally)
    return receipt!.id
  } catch (error) {
    if (!(error instanceof ChasquiError) || !REFUSALS.has(error.code)) throw error
    tally.refused++
    onRefused(task, error, tally)
    return null
  }
}

async function waitForBatch(
  { waitUntilMs, onEnded }: LanesOptions,
  client: Client,
  ids: readonly string[],
  tally: Tally,
): Promise<void> {
  const records = await waitForAll(client, ids, Math.max(0, waitUntilMs! - performance.now()))
  records.forEach((record, index) => {
    tally.ended++
    tally.states[endOf(record)]++
    onEnded(record, ids[index]!, tally)
  })
}

function endOf(record: TaskSnapshot | null): keyof Tally['states'] {
  if (record === null) return 'unknown'
  const { state } = record
  return state === 'succeeded' || state === 'failed' || state === 'canceled' || state === 'expired'
    ? state
    : 'unfinished'
}
