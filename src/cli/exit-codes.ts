/** What the exit code of a command means. docs/cli.md is made from this table. */

import { ChasquiError, type ErrorCode } from '../task/errors.ts'
import type { TaskState } from '../task/lifecycle.ts'

export const EXIT_CODES = {
  done: { code: 0, meaning: 'Done. For a server: stopped after a clean drain.' },
  failed: { code: 1, meaning: 'It could not be done; one sentence on standard error says why.' },
  usage: { code: 2, meaning: 'The command line, or a setting, cannot be used.' },
  notSucceeded: {
    code: 3,
    meaning: 'A task that was waited for ended in another state than `succeeded`.',
  },
  unknownTask: { code: 4, meaning: 'There is no task with (one of) the given ids.' },
  deadline: { code: 5, meaning: 'The deadline passed first; the tasks go on.' },
  refused: { code: 6, meaning: 'The server, or the engine of an import, refused (some of) the tasks.' },
  unchanged: {
    code: 7,
    meaning: 'Nothing to do: (one of) the tasks was not in a state in which it can be cancelled or retried.',
  },
  interrupted: { code: 130, meaning: 'Ended by Ctrl-C, at once; 143 by SIGTERM.' },
} as const

export type ExitName = keyof typeof EXIT_CODES

export function exitCodeOf(name: ExitName): number {
  return EXIT_CODES[name].code
}

/** A command ends with one sentence and this exit code. */
export class CommandError extends Error {
  readonly exit: ExitName

  constructor(exit: ExitName, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exit = exit
  }
}

/** What cannot be used was said on the command line or in a setting; the same code from elsewhere is a failure. */
export async function asUsage<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof ChasquiError && error.code === 'CONFIG_INVALID') {
      throw new CommandError('usage', error.message, { cause: error })
    }
    throw error
  }
}

/** For an error that ends a command. */
export function exitOfError(code: ErrorCode): ExitName {
  switch (code) {
    case 'TASK_UNKNOWN':
      return 'unknownTask'
    case 'TIMEOUT':
      return 'deadline'
    case 'QUEUE_FULL':
    case 'QUEUE_DRAINING':
      return 'refused'
    default:
      return 'failed'
  }
}

/** For the states that tasks were found in after a wait; null: no such task. The gravest one counts. */
export function exitOfStates(states: Iterable<TaskState | null>): ExitName {
  const names = new Set<ExitName>()
  for (const state of states) {
    if (state === null) names.add('unknownTask')
    else if (state === 'failed' || state === 'canceled' || state === 'expired') names.add('notSucceeded')
    else if (state !== 'succeeded') names.add('deadline')
  }
  return (['unknownTask', 'notSucceeded', 'deadline'] as const).find((name) => names.has(name)) ?? 'done'
}
