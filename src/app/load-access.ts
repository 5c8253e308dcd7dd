/** Who may do what on a distributor of these settings: the tokens file, or nobody is asked. Refuses to serve other machines where nobody is. */

import { Access } from '../distributor/access/access.ts'
import { createToken } from '../distributor/access/token.ts'
import { parseTokenFile, type TokenFile } from '../distributor/access/token-file.ts'
import { ChasquiError } from '../task/errors.ts'
import { readNamedFile } from './named-files.ts'
import type { Settings } from './settings.ts'

export interface LoadedAccess {
  readonly access: Access
  /** For workers that this process starts itself; null: they need none. */
  readonly workerToken: string | null
}

/** @throws ChasquiError CONFIG_INVALID, one sentence */
export function loadAccess(settings: Settings): LoadedAccess {
  const { tokens, tlsCa, tlsCert, host, anonymous } = settings
  const isAsked = tokens !== undefined || (tlsCa !== undefined && tlsCert !== undefined)
  if (!isAsked && anonymous !== 'everywhere' && !isLoopback(host)) {
    const why = `--host ${host} serves other machines, and nobody would be asked who he is`
    const ways =
      'give --tokens FILE (made by `chasqui token create`), or --tls-ca for client certificates, or say --anonymous everywhere'
    throw new ChasquiError('CONFIG_INVALID', `${why}: ${ways}`)
  }
  if (tokens === undefined) return { access: new Access({ file: null }), workerToken: null }
  const { id, salt, hash, token } = createToken()
  const access = new Access({ file: loadTokenFile(tokens), internal: { id, salt, hash } })
  return { access, workerToken: token }
}

export function loadTokenFile(path: string): TokenFile {
  const { text, from } = readNamedFile('tokens', path)
  return parseTokenFile(text, from)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
