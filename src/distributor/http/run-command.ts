/** A command of the table, run for a request: the same rights, checks and errors as on the wire, and its result text as the answer. */

import { ChasquiError } from '../../task/errors.ts'
import type { Params } from '../../wire/messages.ts'
import type { MethodName } from '../../wire/protocol.ts'
import type { Command } from '../command.ts'
import { COMMANDS } from '../commands.ts'
import { checkParams } from '../params-check.ts'
import type { Visit } from './visit.ts'

export function commandOf(method: MethodName): Command {
  return COMMANDS.get(method)!
}

/** The right was asked for before the body was read. @returns the text of the result */
export function runCommand(visit: Visit, method: MethodName, params: Params): Promise<string> {
  const command = commandOf(method)
  if (command.checksParams !== true) checkParams(method, command, params)
  return new Promise((resolve, reject) => {
    command.run(visit, params, { succeed: resolve, fail: reject })
    visit.flush()
  })
}

const AROUND_ENTRY = {
  tasks: { before: '{"tasks":[', after: ']' },
  explanation: { before: '{"explanation":', after: '}' },
} as const

/** The one entry of `{"tasks":[…]…}`, as it is: a result may hold numbers that would not survive being read and written again. */
export function onlyEntry(resultText: string, member: keyof typeof AROUND_ENTRY): string {
  const { before, after } = AROUND_ENTRY[member]
  const entry = resultText.slice(before.length, resultText.lastIndexOf(after))
  if (entry === 'null') throw new ChasquiError('TASK_UNKNOWN', 'no task with this id is known (any more)')
  return entry
}
