/** The certificates of a distributor: from the settings that name files to what its port speaks with. */

import { ChasquiError } from '../task/errors.ts'
import type { Log } from '../telemetry/log.ts'
import { type CertificateFacts, checkAuthorities, checkPair } from '../wire/certificates.ts'
import type { ServerTls } from '../wire/tls-policy.ts'
import { readNamedFile } from './named-files.ts'
import type { Settings } from './settings.ts'

export interface LoadedTls {
  readonly tls: ServerTls
  readonly facts: CertificateFacts
}

/** A certificate that ends within this time is spoken of: three weeks leave time for a holiday. */
const ENDS_SOON_MS = 21 * 86_400_000

/** Null: the port speaks plain TCP. @throws ChasquiError CONFIG_INVALID, one sentence */
export function loadServerTls({ tlsCert, tlsKey, tlsCa, engine }: Settings): LoadedTls | null {
  const refuse = (sentence: string): never => {
    throw new ChasquiError('CONFIG_INVALID', sentence)
  }
  if (tlsCert === undefined && tlsKey === undefined) {
    // In front of another distributor it may be meant for that one.
    if (tlsCa !== undefined && !engine.startsWith('chasquis:')) {
      refuse('--tls-ca asks clients for certificates, which needs TLS: give --tls-cert and --tls-key, too')
    }
    return null
  }
  if (tlsCert === undefined)
    return refuse('--tls-key needs the certificate that it belongs to: give --tls-cert, too')
  if (tlsKey === undefined) return refuse('--tls-cert needs its private key: give --tls-key, too')
  const nowMs = Date.now()
  const [cert, key] = [readNamedFile('tlsCert', tlsCert), readNamedFile('tlsKey', tlsKey)]
  const facts = checkPair(cert, key, nowMs)
  if (tlsCa === undefined) return { tls: { cert: cert.text, key: key.text }, facts }
  const ca = readNamedFile('tlsCa', tlsCa)
  checkAuthorities(ca, nowMs)
  return { tls: { cert: cert.text, key: key.text, ca: ca.text }, facts }
}

export function logCertificate(log: Log, { tls, facts }: LoadedTls): void {
  const until = new Date(facts.validUntilMs).toISOString()
  const clients = tls.ca === undefined ? 'not asked for' : 'required'
  log.event('distributor.certificate', { names: facts.names, until, clients })
  if (facts.validUntilMs - Date.now() < ENDS_SOON_MS) {
    log.event('distributor.certificate-ends', { names: facts.names, until })
  }
}
