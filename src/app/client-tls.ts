/**
 * The certificates of whoever connects: from the settings that name files to what a link uses. Files are read again before each
 * connection, so that renewed ones need no restart.
 */

import { ChasquiError } from '../task/errors.ts'
import { checkAuthorities, checkPair } from '../wire/certificates.ts'
import type { ClientTls } from '../wire/tls-policy.ts'
import { readNamedFile } from './named-files.ts'
import type { Settings } from './settings.ts'

/** For `connect` and its like; nothing where the address says no TLS. @throws ChasquiError CONFIG_INVALID */
export function clientTls(settings: Settings, url: string): { readonly tls?: () => ClientTls } {
  if (!url.startsWith('chasquis:')) return {}
  const read = () => readClientTls(settings)
  read()
  return { tls: read }
}

function readClientTls({ tlsCa, tlsCert, tlsKey, tlsServerName }: Settings): ClientTls {
  const nowMs = Date.now()
  const ca = tlsCa === undefined ? undefined : readNamedFile('tlsCa', tlsCa)
  if (ca !== undefined) checkAuthorities(ca, nowMs)
  const trust = {
    ...(ca !== undefined && { ca: ca.text }),
    ...(tlsServerName !== undefined && { serverName: tlsServerName }),
  }
  if (tlsCert === undefined && tlsKey === undefined) return trust
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new ChasquiError('CONFIG_INVALID', '--tls-cert and --tls-key go together: one of them is missing')
  }
  const [cert, key] = [readNamedFile('tlsCert', tlsCert), readNamedFile('tlsKey', tlsKey)]
  checkPair(cert, key, nowMs)
  return { ...trust, cert: cert.text, key: key.text }
}
