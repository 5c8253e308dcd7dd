/**
 * Answers to `task.submit`: receipts and refusals, in the order asked.
 *
 * Invariant: refusals are per task. Only when every task of a request was refused is the reply an error: that of the first,
 * with all of them in `details.receipts`, so that nobody can overlook it and nothing is lost.
 */

import { ChasquiError, ERRORS, type ErrorCode, errorCodeOf } from '../task/errors.ts'
import type { TaskState } from '../task/lifecycle.ts'
import type { Durability, Receipt, Refusal } from '../task/task.ts'
import { isObject } from './messages.ts'

/** Result of `task.submit`. Throws the error that the reply must be when all were refused. */
export function writeReceipts(answers: readonly (Receipt | Refusal)[]): string {
  let text = ''
  let refused = 0
  for (const answer of answers) {
    if (text !== '') text += ','
    if ('refused' in answer) {
      refused++
      text += JSON.stringify(refusalShape(answer))
    } else text += writeReceipt(answer)
  }
  if (refused > 0 && refused === answers.length) throw refusedAll(answers as readonly Refusal[])
  return `{"receipts":[${text}]}`
}

export function writeReceipt({ id, state, duplicate, durability }: Receipt): string {
  return `{"id":${JSON.stringify(id)},"state":"${state}","duplicate":${duplicate},"durability":"${durability}"}`
}

export function errorOfRefusal({ refused }: Refusal): ChasquiError {
  const { code, message, retryAfterMs } = refused
  return new ChasquiError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs })
}

/** @param id '' where a refused task had none: null on the wire. */
export function refusalOf(id: string, error: ChasquiError): Refusal {
  const { code, message, retryAfterMs } = error
  return { id, refused: { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) } }
}

function refusedAll(refusals: readonly Refusal[]): ChasquiError {
  const { code, message, retryAfterMs } = refusals[0]!.refused
  return new ChasquiError(code, message, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    details: { receipts: refusals.map(refusalShape) },
  })
}

function refusalShape({ id, refused }: Refusal) {
  const { code, message, retryAfterMs } = refused
  const { number, retryable } = ERRORS[code]
  return {
    id: id === '' ? null : id,
    error: {
      code: number,
      name: code,
      message,
      retryable,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  }
}

// ---- the client's side ------------------------------------------------------------------------------------

/** The result of `task.submit`. */
export function readReceipts(result: unknown): (Receipt | Refusal)[] {
  return (result as { receipts: unknown[] }).receipts.map(readReceipt)
}

/** What an error reply to `task.submit` says of each task; null when the call as a whole failed. */
export function readRefusedReceipts(error: ChasquiError): (Receipt | Refusal)[] | null {
  const receipts = error.details?.receipts
  return Array.isArray(receipts) ? receipts.map(readReceipt) : null
}

export function readReceipt(wire: unknown): Receipt | Refusal {
  const { id, state, duplicate, durability, error } = wire as Record<string, unknown>
  if (!isObject(error)) {
    return {
      id: id as string,
      state: state as TaskState,
      duplicate: duplicate === true,
      durability: durability as Durability,
    }
  }
  const { code, name, message, retryAfterMs } = error
  return {
    id: (id as string | null) ?? '',
    refused: {
      code: Object.hasOwn(ERRORS, name as string) ? (name as ErrorCode) : errorCodeOf(code as number),
      message: String(message),
      ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    },
  }
}
