/** What a method of the wire is made of. `protocol.ts` lists them all. */

import type { TSchema } from 'typebox'
import type { ErrorCode } from '../../task/errors.ts'

export interface MethodDescription {
  readonly summary: string
  /** An object schema: parameters have names. */
  readonly params: TSchema
  readonly result: TSchema
  /** Errors of its own, besides those that any method may answer with (COMMON_ERRORS). */
  readonly errors: readonly ErrorCode[]
}

/** Sent by the server without being asked for at that moment; not answered. */
export interface NotificationDescription {
  readonly summary: string
  readonly params: TSchema
}

/** Errors that any method may answer with. */
export const COMMON_ERRORS = [
  'INVALID_PARAMS',
  'INTERNAL',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'RETRY_AFTER',
  'STORE_FAILED',
  'SHUTTING_DOWN',
] as const satisfies readonly ErrorCode[]
