/**
 * Replies to bare tasks (DESIGN section 4): one line in the words of the seed. And the reply to what cannot be understood on a connection
 * that has not shown yet what it speaks: one line that carries both forms.
 */

import type { ChasquiError } from '../task/errors.ts'
import type { Receipt } from '../task/task.ts'
import { errorText } from './messages.ts'

export function bareReceiptText({ id, state, durability, duplicate }: Receipt): string {
  const message = JSON.stringify(`Tarea ${id} recibida y encolada`)
  return `{"status":"ok","message":${message},"payload":{"id":${JSON.stringify(id)},"state":"${state}","durability":"${durability}","duplicate":${duplicate}}}`
}

/** @param id of the task, where it is known */
export function bareErrorText(error: ChasquiError, id?: string): string {
  return `{${bareErrorFields(error, id)}}`
}

/** Valid JSON-RPC and valid as an answer to a bare task. */
export function mixedErrorText(error: ChasquiError): string {
  return `{"jsonrpc":"2.0","id":null,"error":${errorText(error)},${bareErrorFields(error)}}`
}

function bareErrorFields({ code, message, retryable, retryAfterMs }: ChasquiError, id?: string): string {
  const payload = JSON.stringify({ code, retryable, retryAfterMs, id })
  return `"status":"error","message":${JSON.stringify(message)},"payload":${payload}`
}
