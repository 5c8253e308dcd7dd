/** `--type`, `--queue` and `--state`, for the commands that look at many tasks. */

import { type Command, InvalidArgumentError } from 'commander'
import { TASK_STATES, type TaskState } from '../task/lifecycle.ts'
import type { Options } from './action.ts'
import { listOption } from './common-options.ts'

export function addTypeAndQueue(command: Command): Command {
  return command
    .option('--type <a,b>', 'only tasks of these types', listOption)
    .option('--queue <a,b>', 'only tasks in these queues', listOption)
}

export function addState(command: Command): Command {
  return command.option('--state <a,b>', `only tasks in these states: ${TASK_STATES.join(', ')}`, stateOption)
}

export interface Filter {
  readonly types?: readonly string[]
  readonly queues?: readonly string[]
  readonly states?: readonly TaskState[]
}

export function filterOf({ type, queue, state }: Options): Filter {
  return {
    ...(type !== undefined && { types: type as readonly string[] }),
    ...(queue !== undefined && { queues: queue as readonly string[] }),
    ...(state !== undefined && { states: state as readonly TaskState[] }),
  }
}

function stateOption(text: string, before: readonly TaskState[] = []): readonly TaskState[] {
  const states = listOption(text)
  const unknown = states.find((state) => !(TASK_STATES as readonly string[]).includes(state))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no state "${unknown}"; there are ${TASK_STATES.join(', ')}.`)
  }
  return [...before, ...(states as TaskState[])]
}
