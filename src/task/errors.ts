/**
 * The one table of errors that a caller may meet. docs/errors.md is compared with it by test/tidy.
 *
 * Failures of user code are values (see outcome.ts), never these; bugs crash.
 */

export interface ErrorEntry {
  /** JSON-RPC code. */
  readonly number: number
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean
  readonly meaning: string
}

export const ERRORS = {
  PARSE_ERROR: { number: -32700, retryable: false, meaning: 'The message is not JSON.' },
  INVALID_REQUEST: { number: -32600, retryable: false, meaning: 'The message is JSON but not a request.' },
  METHOD_NOT_FOUND: { number: -32601, retryable: false, meaning: 'There is no such method.' },
  INVALID_PARAMS: {
    number: -32602,
    retryable: false,
    meaning: 'A parameter is missing, unknown or of the wrong form.',
  },
  INTERNAL: {
    number: -32603,
    retryable: false,
    meaning: 'A bug in Chasqui; the log of the server has the details.',
  },
  RETRY_AFTER: {
    number: -32001,
    retryable: true,
    meaning: 'A limit is reached; try again after `retryAfterMs`.',
  },
  DISK_LOW: {
    number: -32002,
    retryable: true,
    meaning: 'The disk of the store is nearly full; new tasks are refused.',
  },
  STORE_FAILED: {
    number: -32003,
    retryable: true,
    meaning: 'The store could not write; nothing of the call was kept.',
  },
  SHUTTING_DOWN: { number: -32004, retryable: true, meaning: 'The server is stopping; connect again.' },
  QUEUE_FULL: {
    number: -32005,
    retryable: true,
    meaning: 'The queue holds as much as it may; try again after `retryAfterMs`.',
  },
  QUEUE_DRAINING: {
    number: -32006,
    retryable: false,
    meaning: 'The queue is draining: it takes no new tasks until somebody resumes it.',
  },
  ID_CONFLICT: { number: -32010, retryable: false, meaning: 'A task with this id and other content exists.' },
  NOT_SUPPORTED: { number: -32011, retryable: false, meaning: 'This engine or version cannot do it.' },
  UNAUTHENTICATED: { number: -32012, retryable: false, meaning: 'The token is missing or not valid.' },
  FORBIDDEN: {
    number: -32013,
    retryable: false,
    meaning: 'The token or certificate does not give this right.',
  },
  SCHEDULE_UNKNOWN: { number: -32015, retryable: false, meaning: 'There is no schedule of this name.' },
  FRAME_TOO_LARGE: {
    number: -32020,
    retryable: false,
    meaning: 'The message is longer than the limit; the connection is closed.',
  },
  TOO_DEEP: { number: -32021, retryable: false, meaning: 'The JSON is nested deeper than the limit.' },
  NOT_UTF8: { number: -32022, retryable: false, meaning: 'The message is not valid UTF-8.' },
  MESSAGE_STALLED: {
    number: -32023,
    retryable: true,
    meaning: 'A message was begun and not finished in time; the connection is closed.',
  },
  SLOW_READER: {
    number: -32024,
    retryable: true,
    meaning: 'The peer did not read its replies in time; the connection is closed.',
  },
  TOO_MANY_CONNECTIONS: {
    number: -32025,
    retryable: true,
    meaning: 'The server has all the connections it allows.',
  },
  TOO_MANY_SUBSCRIPTIONS: {
    number: -32026,
    retryable: false,
    meaning: 'This connection has all the waits or watches it may have.',
  },
  PROXY_HEADER: {
    number: -32027,
    retryable: false,
    meaning: 'The PROXY header of a balancer is missing or wrong; the connection is closed.',
  },
  TLS_FAILED: {
    number: -32028,
    retryable: false,
    meaning:
      'One end speaks TLS and the other does not, or a certificate is not accepted; the message says which.',
  },
  // Only in the client library:
  TIMEOUT: {
    number: -32040,
    retryable: true,
    meaning: 'No answer came in time; what was sent may or may not have happened.',
  },
  CONNECTION_LOST: {
    number: -32041,
    retryable: true,
    meaning: 'The connection broke, or none could be made.',
  },
  CLOSED: { number: -32042, retryable: false, meaning: 'The client, worker or engine was closed.' },
  BUFFER_FULL: {
    number: -32043,
    retryable: true,
    meaning: 'Too many submissions wait for their confirmation; await some first.',
  },
  INVALID_INPUT: {
    number: -32044,
    retryable: false,
    meaning: 'The data does not fit the schema of its task type.',
  },
  TASK_FAILED: {
    number: -32045,
    retryable: false,
    meaning: 'The awaited task failed; `details.error` holds its error.',
  },
  TASK_CANCELED: { number: -32046, retryable: false, meaning: 'The awaited task was cancelled.' },
  TASK_EXPIRED: {
    number: -32047,
    retryable: false,
    meaning: 'The awaited task was not started before its deadline.',
  },
  TASK_UNKNOWN: { number: -32048, retryable: false, meaning: 'No task with this id is known (any more).' },
  CONFIG_INVALID: { number: -32050, retryable: false, meaning: 'A setting, file or address cannot be used.' },
  STORE_LOCKED: { number: -32051, retryable: false, meaning: 'Another process owns this store.' },
  STORE_VERSION: { number: -32052, retryable: false, meaning: 'The store was written by a newer version.' },
  STORE_INCOMPLETE: {
    number: -32053,
    retryable: false,
    meaning: 'An import into this store was begun and did not come to its end.',
  },
  ARCHIVE_INVALID: {
    number: -32054,
    retryable: false,
    meaning: 'An archive is truncated, altered, or none of Chasqui; the message names the line.',
  },
  KEY_UNKNOWN: {
    number: -32055,
    retryable: true,
    meaning: 'Data or a result is encrypted with a key that is not here; the message says which.',
  },
  DECRYPT_FAILED: {
    number: -32056,
    retryable: false,
    meaning: 'Data or a result was altered, is under another key, or is not encrypted at all.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

export interface ErrorOptions {
  /** Set for RETRY_AFTER and its like: when to try again. */
  readonly retryAfterMs?: number
  /** JSON-safe facts for programs. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** The only error class that crosses Chasqui's own borders. */
export class ChasquiError extends Error {
  readonly code: ErrorCode
  readonly retryAfterMs: number | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ChasquiError'
    this.code = code
    this.retryAfterMs = options.retryAfterMs
    this.details = options.details
  }

  get number(): number {
    return ERRORS[this.code].number
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable
  }
}

const CODE_OF_NUMBER = new Map<number, ErrorCode>(
  Object.entries(ERRORS).map(([code, entry]) => [entry.number, code as ErrorCode]),
)

/** The name of a code read from the wire; a code of a newer version reads as INTERNAL. */
export function errorCodeOf(number: number): ErrorCode {
  return CODE_OF_NUMBER.get(number) ?? 'INTERNAL'
}
