/** Errors as HTTP says them: the one table of statuses, and the one form of a body. */

import type { FastifyReply } from 'fastify'
import type { ChasquiError, ErrorCode } from '../../task/errors.ts'

/** Complete, so that a new error cannot be forgotten here. */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  PARSE_ERROR: 400,
  INVALID_REQUEST: 400,
  METHOD_NOT_FOUND: 404,
  INVALID_PARAMS: 400,
  INTERNAL: 500,
  RETRY_AFTER: 429,
  DISK_LOW: 503,
  STORE_FAILED: 503,
  SHUTTING_DOWN: 503,
  QUEUE_FULL: 429,
  QUEUE_DRAINING: 409,
  ID_CONFLICT: 409,
  NOT_SUPPORTED: 501,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  SCHEDULE_UNKNOWN: 404,
  FRAME_TOO_LARGE: 413,
  TOO_DEEP: 400,
  NOT_UTF8: 400,
  MESSAGE_STALLED: 408,
  SLOW_READER: 408,
  TOO_MANY_CONNECTIONS: 503,
  TOO_MANY_SUBSCRIPTIONS: 429,
  PROXY_HEADER: 400,
  TLS_FAILED: 403,
  // Of a distributor in front of another one.
  TIMEOUT: 504,
  CONNECTION_LOST: 503,
  CLOSED: 503,
  BUFFER_FULL: 503,
  INVALID_INPUT: 400,
  TASK_UNKNOWN: 404,
  // These no request meets; a bug if it does.
  TASK_FAILED: 500,
  TASK_CANCELED: 500,
  TASK_EXPIRED: 500,
  CONFIG_INVALID: 500,
  STORE_LOCKED: 500,
  STORE_VERSION: 500,
  STORE_INCOMPLETE: 500,
  ARCHIVE_INVALID: 500,
  KEY_UNKNOWN: 500,
  DECRYPT_FAILED: 500,
}

export const JSON_TYPE = 'application/json; charset=utf-8'

const SECOND_MS = 1_000

/** The form of an error in a receipt, as the wire has it. */
export function errorBody({ code, number, message, retryable, retryAfterMs, details }: ChasquiError): string {
  return JSON.stringify({ error: { code: number, name: code, message, retryable, retryAfterMs, details } })
}

export function sendError(reply: FastifyReply, error: ChasquiError): FastifyReply {
  if (error.retryAfterMs !== undefined) reply.header('retry-after', retryAfterSeconds(error.retryAfterMs))
  if (error.code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer realm="chasqui"')
  return reply.code(STATUS_OF[error.code]).type(JSON_TYPE).send(errorBody(error))
}

/** The header knows whole seconds; 0 would mean "at once". */
function retryAfterSeconds(retryAfterMs: number): string {
  return String(Math.max(1, Math.ceil(retryAfterMs / SECOND_MS)))
}

/** For a socket on which no request could be read. */
export function rawError(error: ChasquiError): string {
  const body = errorBody(error)
  const head = [
    `HTTP/1.1 ${STATUS_OF[error.code]} ${error.code}`,
    `content-type: ${JSON_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
