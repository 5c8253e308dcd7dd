/** What PostgreSQL and its sockets say, in the words of a person who has to mend it. */

import { ChasquiError } from '../../../task/errors.ts'
import type { DatabaseTarget } from './database-url.ts'

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const REPEATABLE = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '25006', // read_only_sql_transaction: this was the primary once
  '53300', // too_many_connections
  '55P03', // lock_not_available
  '57014', // query_canceled: by the statement timeout, or by an administrator
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
])

/** `object_in_use`: what a connection is refused with while another kind of work is on the ledger (presence.ts). */
export const IN_USE = '55006'

/** The same statement may go well on another connection, or later on this one. */
export function isRepeatable(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  if (typeof code !== 'string') return true
  // A code of five characters with a severity is the server's; everything else is the socket's.
  return severity === undefined || REPEATABLE.has(code) || code.startsWith('08')
}

/** Why the first connection could not be made: one sentence, without the password. */
export function explain(error: unknown, targets: readonly DatabaseTarget[]): ChasquiError {
  const { code, message } = error as { code?: string; message?: string }
  const [first] = targets
  const where = targets.map(({ host, port }) => (host.startsWith('/') ? host : `${host}:${port}`)).join(', ')
  const user = first?.user ?? 'the default user'
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return unreachable(`nothing listens on ${where}, PostgreSQL does not run there.`)
    case 'ENOTFOUND':
      return invalid(`the database cannot be found: the host of ${where} is not known.`)
    case 'EAI_AGAIN':
      return unreachable(`no name server answers for the host of ${where}.`)
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return unreachable(`${where} cannot be reached.`)
    case '28P01':
    case '28000':
      return invalid(`PostgreSQL at ${where} does not accept the login of ${user}: ${message}.`)
    case '3D000':
      return invalid(
        `PostgreSQL at ${where} has no database ${first?.database ?? ''}: make it with createdb.`,
      )
    case '42501':
      return invalid(`${user} lacks a right in the database: ${message}.`)
    case IN_USE:
      return new ChasquiError('STORE_LOCKED', `the cluster cannot be used: ${message}.`, { cause: error })
    case '53300':
      return unreachable(`PostgreSQL at ${where} has no connection left: ${message}.`)
    default:
      return unreachable(`PostgreSQL at ${where}: ${message ?? String(error)}.`)
  }
  function unreachable(sentence: string): ChasquiError {
    return new ChasquiError('CONNECTION_LOST', `the database cannot be used: ${sentence}`, { cause: error })
  }
  function invalid(sentence: string): ChasquiError {
    return new ChasquiError('CONFIG_INVALID', sentence, { cause: error })
  }
}
