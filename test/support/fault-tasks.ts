/**
 * Handlers for the fault tests, loaded by workers as a module. Each attempt writes its start and its end to the run log.
 */

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineTask, PermanentError, type TaskContext } from '../../src/task/definition.ts'
import { openRunWriter, RUN_LOG_VARIABLE, type RunMoment } from './run-log.ts'

const write = openRunWriter(process.env[RUN_LOG_VARIABLE]!)

function note(moment: RunMoment, { id, attempt }: TaskContext, mark?: string): void {
  write({
    moment,
    id,
    attempt,
    pid: process.pid,
    atMs: Date.now(),
    ...(mark !== undefined && { mark }),
  })
}

export interface WorkData {
  /** How long it takes. */
  readonly ms: number
  /** The first so many attempts throw. */
  readonly failures?: number
  /** The first attempt throws what no further attempt would mend. */
  readonly permanent?: boolean
  /** Comes back in the result. */
  readonly echo?: string
}

export interface WorkResult {
  readonly id: string
  readonly attempt: number
  readonly mark: string
  readonly echo?: string
}

/** Sleeps, then fails as it was told, or returns what no other run returns. */
export const work = defineTask({
  type: 'work',
  run: async ({ ms, failures = 0, permanent = false, echo }: WorkData, context): Promise<WorkResult> => {
    note('start', context)
    try {
      await sleep(ms, undefined, { signal: context.signal })
    } catch (error) {
      note('aborted', context)
      throw error
    }
    if (permanent) {
      note('threw', context)
      throw new PermanentError('told to fail for good')
    }
    if (context.attempt <= failures) {
      note('threw', context)
      throw new Error(`told to fail ${failures} times`)
    }
    const mark = randomUUID()
    note('returned', context, mark)
    return { id: context.id, attempt: context.attempt, mark, ...(echo !== undefined && { echo }) }
  },
})

/** Takes its whole worker process with it. */
export const poison = defineTask({
  type: 'poison',
  run: (_data: null, context) => {
    note('start', context)
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => {})
  },
})
