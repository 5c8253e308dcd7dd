/**
 * JSON-RPC 2.0 messages ↔ text. Both ends use this: a line is read by `parseLine`, then `readIncoming` (server) or
 * `readAnswer` (client); what is sent is built as text, so that payloads and prepared results go through unparsed.
 *
 * Texts built here carry no LF: the outbox adds it. Arguments named `…Text` are JSON text and are
 * trusted to be JSON without a raw LF (JSON.stringify never makes one).
 */

import { ChasquiError, ERRORS, type ErrorCode, errorCodeOf } from '../task/errors.ts'
import { JSON_DEPTH_MAX, PARSE_UNSCANNED_LENGTH_MAX } from '../task/limits.ts'
import { peerError } from './fields.ts'
import { isTooDeep } from './json-depth.ts'

export type RequestId = string | number | null

// ---- building ---------------------------------------------------------------------------------------------

export function requestText(id: string | number, method: string, paramsText: string): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"method":"${method}","params":${paramsText}}`
}

/** Methods are our own words (`noun.verb`) and need no escaping. */
export function notificationText(method: string, paramsText: string): string {
  return `{"jsonrpc":"2.0","method":"${method}","params":${paramsText}}`
}

export function replyText(id: RequestId, resultText: string): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"result":${resultText}}`
}

export function errorReplyText(id: RequestId, error: ChasquiError): string {
  return `{"jsonrpc":"2.0","id":${idText(id)},"error":${errorText(error)}}`
}

/** `messages` must not be empty: a batch of nothing is no message. */
export function batchText(messages: readonly string[]): string {
  return `[${messages.join(',')}]`
}

/** `{code, message, data: {name, retryable, retryAfterMs?, details?}}` */
export function errorText(error: ChasquiError): string {
  const retryAfter = error.retryAfterMs === undefined ? '' : `,"retryAfterMs":${error.retryAfterMs}`
  const details = error.details === undefined ? '' : `,"details":${JSON.stringify(error.details)}`
  return `{"code":${error.number},"message":${JSON.stringify(error.message)},"data":{"name":"${error.code}","retryable":${error.retryable}${retryAfter}${details}}}`
}

function idText(id: RequestId): string {
  return typeof id === 'number' ? `${Number.isFinite(id) ? id : 'null'}` : JSON.stringify(id)
}

// ---- reading ----------------------------------------------------------------------------------------------

/** A line as a JSON value. Throws PARSE_ERROR or TOO_DEEP. */
export function parseLine(text: string): unknown {
  // A long text of nothing but `[` would cost the parser fifty times its length in memory.
  if (text.length > PARSE_UNSCANNED_LENGTH_MAX) refuseTooDeep(text)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    refuseTooDeep(text)
    throw peerError('PARSE_ERROR', `not JSON: ${(cause as Error).message}`, { cause })
  }
  // Of an object, only data and values are free in form: whoever turns them to text looks at their depth.
  if (Array.isArray(value)) refuseTooDeep(text)
  return value
}

/** Throws TOO_DEEP. */
export function refuseTooDeep(text: string): void {
  if (isTooDeep(text, JSON_DEPTH_MAX)) {
    throw peerError('TOO_DEEP', `the JSON is nested deeper than ${JSON_DEPTH_MAX} levels`)
  }
}

export type Incoming =
  | { readonly kind: 'request'; readonly id: RequestId; readonly method: string; readonly params: Params }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Params }
  /** An object without `jsonrpc` and with a `type`: a task of one of the seed's clients. */
  | { readonly kind: 'bare'; readonly fields: Params }
  /** To be answered with the error; `id` is the message's where it could be read. */
  | { readonly kind: 'invalid'; readonly id: RequestId; readonly error: ChasquiError }

export type Params = Readonly<Record<string, unknown>>

const NO_PARAMS: Params = Object.freeze({})

/** One message to a server: a parsed line, or one entry of a parsed batch. Never throws. */
export function readIncoming(value: unknown): Incoming {
  if (!isObject(value)) return invalid(null, 'INVALID_REQUEST', 'a message must be a JSON object')
  const { jsonrpc, id = undefined, method, params } = value
  if (jsonrpc === undefined && value.type !== undefined) return { kind: 'bare', fields: value }
  const replyId = typeof id === 'string' || typeof id === 'number' ? id : null
  if (jsonrpc !== '2.0') return invalid(replyId, 'INVALID_REQUEST', '`jsonrpc` must be "2.0"')
  if (typeof method !== 'string') return invalid(replyId, 'INVALID_REQUEST', '`method` must be a string')
  if (id !== undefined && id !== null && replyId === null) {
    return invalid(null, 'INVALID_REQUEST', '`id` must be a string, a number or null')
  }
  if (params !== undefined && !isObject(params)) {
    return Array.isArray(params)
      ? invalid(replyId, 'INVALID_PARAMS', '`params` must be an object: parameters have names here')
      : invalid(replyId, 'INVALID_REQUEST', '`params` must be an object')
  }
  if (id === undefined) return { kind: 'notification', method, params: params ?? NO_PARAMS }
  return { kind: 'request', id: replyId, method, params: params ?? NO_PARAMS }
}

export type Answer =
  | { readonly kind: 'reply'; readonly id: RequestId; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: RequestId; readonly error: ChasquiError }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Params }

/** One message from a server: a parsed line, or one entry of a parsed batch. Throws INVALID_REQUEST when it is none. */
export function readAnswer(value: unknown): Answer {
  if (isObject(value)) {
    const { id, method, params, result, error } = value
    if (typeof method === 'string') {
      return { kind: 'notification', method, params: isObject(params) ? params : NO_PARAMS }
    }
    if (typeof id === 'string' || typeof id === 'number' || id === null) {
      if (isObject(error)) return { kind: 'error', id, error: readError(error) }
      if (result !== undefined) return { kind: 'reply', id, result }
    }
  }
  throw new ChasquiError('INVALID_REQUEST', 'the peer sent JSON that is no JSON-RPC message')
}

/** The error of a reply. Codes of a newer server read as INTERNAL, with the message kept. */
export function readError(wire: Params): ChasquiError {
  const data = isObject(wire.data) ? wire.data : NO_PARAMS
  const name = data.name
  const code: ErrorCode =
    typeof name === 'string' && Object.hasOwn(ERRORS, name)
      ? (name as ErrorCode)
      : errorCodeOf(Number(wire.code))
  const retryAfterMs = data.retryAfterMs
  const details = data.details
  return new ChasquiError(code, String(wire.message ?? code), {
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    ...(isObject(details) ? { details } : {}),
  })
}

function invalid(id: RequestId, code: ErrorCode, message: string): Incoming {
  return { kind: 'invalid', id, error: peerError(code, message) }
}

export function isObject(value: unknown): value is Params {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
