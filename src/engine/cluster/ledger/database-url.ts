/** The address of the database, with several hosts for a primary and its standbys: `postgres://user@a:5432,b:5432/name?sslmode=…`. */

import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { ChasquiError } from '../../../task/errors.ts'

export interface DatabaseTarget {
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  readonly ssl: ConnectionOptions | false
}

const PORT = 5432

/** Throws CONFIG_INVALID; the message never holds the password. */
export function parseDatabaseUrl(url: string): readonly DatabaseTarget[] {
  const parts = /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?([^/?]*)(\/[^?]*)?(\?.*)?$/.exec(url)
  if (parts === null) throw invalid('it must look like postgres://USER@HOST:5432/NAME')
  const [, login, hosts, path, query] = parts
  if (`${hosts}${path ?? ''}`.includes('@'))
    throw invalid('an @ or a / in a password must be written %40 or %2F')
  const [user, password] = login === undefined ? [] : splitOnce(login, ':').map(decode)
  const parameters = new URLSearchParams(query)
  const ssl = sslOf(parameters)
  const named = parameters.get('host')
  return (named ?? (hosts === '' ? 'localhost' : hosts!)).split(',').map((place) => {
    // A path is the folder of a Unix socket; an IPv6 address stands in brackets.
    const found = place.startsWith('/') ? [place, place] : /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(place)
    if (found === null) throw invalid('a part of it is not HOST:PORT')
    const host = decodeURIComponent(found[1]!).replace(/^\[|\]$/g, '')
    const port = place.startsWith('/') ? undefined : found[2]
    return {
      host: host === '' ? 'localhost' : host,
      port: Number(port ?? parameters.get('port') ?? PORT),
      user,
      password,
      database: path === undefined || path === '/' ? undefined : decode(path.slice(1)),
      ssl,
    }
  })
}

/** As libpq has it: `require` encrypts and asks for no proof, `verify-ca` and `verify-full` do. */
function sslOf(parameters: URLSearchParams): ConnectionOptions | false {
  const mode = parameters.get('sslmode') ?? 'disable'
  const root = parameters.get('sslrootcert')
  const ca = root === null ? {} : { ca: readCertificate(root) }
  switch (mode) {
    case 'disable':
      return false
    case 'require':
      return { rejectUnauthorized: root !== null, ...ca, checkServerIdentity: () => undefined }
    case 'verify-ca':
      return { rejectUnauthorized: true, ...ca, checkServerIdentity: () => undefined }
    case 'verify-full':
      return { rejectUnauthorized: true, ...ca }
    default:
      throw invalid(`sslmode=${mode} is none of disable, require, verify-ca, verify-full`)
  }
}

function readCertificate(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(`sslrootcert ${path} cannot be read: ${(error as Error).message}`)
  }
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('it has a % that begins no escape')
  }
}

function invalid(why: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `the database URL cannot be used: ${why}.`)
}
