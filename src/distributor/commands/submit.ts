/** `task.submit` and its bare form: the hot way in. */

import { ChasquiError } from '../../task/errors.ts'
import { BATCH_ENTRIES_MAX } from '../../task/limits.ts'
import type { Receipt, Refusal, Submission } from '../../task/task.ts'
import { bareErrorText, bareReceiptText } from '../../wire/bare-reply.ts'
import { peerError, refuse } from '../../wire/fields.ts'
import type { Params } from '../../wire/messages.ts'
import { errorOfRefusal, refusalOf, writeReceipts } from '../../wire/receipt-codec.ts'
import { readSubmission } from '../../wire/submission-codec.ts'
import type { Call, CommandContext } from '../command.ts'

/** A task that is refused here does not keep the others of its request from being accepted. */
export function submit(context: CommandContext, params: Params, call: Call): void {
  const { tasks, durability } = readParams(params)
  const options = { nowMs: context.clock.nowMs(), bare: false }
  const submissions: Submission[] = []
  const refused = new Map<number, Refusal>()
  for (let index = 0; index < tasks.length; index++) {
    try {
      submissions.push(readSubmission(tasks[index], options))
    } catch (error) {
      if (!(error instanceof ChasquiError)) throw error
      refused.set(index, refusalOf(idOf(tasks[index]), atIndex(error, index)))
    }
  }
  if (submissions.length === 0) {
    call.succeed(writeReceipts([...refused.values()]))
    return
  }
  context.submissions[durability].add(submissions, {
    succeed: (answers) => {
      try {
        call.succeed(writeReceipts(refused.size === 0 ? answers : merge(tasks.length, answers, refused)))
      } catch (error) {
        call.fail(error)
      }
    },
    fail: (error) => call.fail(error),
  })
}

/** A task that came bare; `call` is answered with a whole line. */
export function submitBare(context: CommandContext, fields: Params, call: Call): void {
  const submission = readSubmission(fields, { nowMs: context.clock.nowMs(), bare: true })
  context.submissions.disk.add([submission], {
    succeed: ([answer]) => {
      if ('refused' in answer!) call.succeed(bareErrorText(errorOfRefusal(answer), answer.id))
      else call.succeed(bareReceiptText(answer!))
    },
    fail: (error) => call.fail(error),
  })
}

function readParams(params: Params): { tasks: readonly unknown[]; durability: 'disk' | 'relaxed' } {
  for (const field in params) {
    if (field !== 'tasks' && field !== 'durability') refuse(field, 'is no parameter of task.submit')
  }
  const { tasks, durability = 'disk' } = params
  if (!Array.isArray(tasks) || tasks.length > BATCH_ENTRIES_MAX) {
    refuse('tasks', `must be an array of at most ${BATCH_ENTRIES_MAX} tasks`)
  }
  if (durability !== 'disk' && durability !== 'relaxed') refuse('durability', 'must be "disk" or "relaxed"')
  return { tasks, durability }
}

function idOf(task: unknown): string {
  const id = (task as { readonly id?: unknown } | null)?.id
  return typeof id === 'string' ? id : ''
}

function atIndex(error: ChasquiError, index: number): ChasquiError {
  return peerError(error.code, `tasks[${index}]: ${error.message}`)
}

function merge(
  count: number,
  answers: readonly (Receipt | Refusal)[],
  refused: ReadonlyMap<number, Refusal>,
): (Receipt | Refusal)[] {
  let next = 0
  return Array.from({ length: count }, (_, index) => refused.get(index) ?? answers[next++]!)
}
