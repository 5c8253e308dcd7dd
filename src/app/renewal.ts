/**
 * What a running distributor reads again from its files: certificates and tokens, on SIGHUP at once and by themselves soon after they changed; the
 * audit log begins a new file on SIGHUP.
 *
 * Invariant: what cannot be used changes nothing: the old stays in use, and the log says why.
 */

import type { Access } from '../distributor/access/access.ts'
import type { TokenFile } from '../distributor/access/token-file.ts'
import type { Clock } from '../task/clock.ts'
import type { Log } from '../telemetry/log.ts'
import type { ServerTls } from '../wire/tls-policy.ts'
import type { AuditLog } from './audit-log.ts'
import { type FileWatch, watchFiles } from './file-watch.ts'
import { listenForHangup } from './hangup.ts'
import { loadTokenFile } from './load-access.ts'
import { loadServerTls, logCertificate } from './server-tls.ts'
import type { Settings } from './settings.ts'

export interface RenewalOptions {
  readonly settings: Settings
  readonly log: Log
  readonly clock: Clock
  /** All that has connections. */
  readonly faces: readonly Face[]
  readonly access: Access
  readonly audit: AuditLog | null
}

export interface Face {
  renewTls(tls: ServerTls): void
  recheckAccess(): void
}

interface Renewed {
  readonly what: string
  readonly paths: readonly string[]
  /** Throws where it cannot be used. */
  readonly renew: () => void
}

export function keepRenewed(options: RenewalOptions): { close(): void } {
  const { log, clock, audit } = options
  const parts = [certificates(options), tokens(options)].filter((part) => part !== null)
  const tried = parts.map(({ what, paths, renew }) => {
    const attempt = () => {
      try {
        renew()
      } catch (error) {
        log.event('distributor.kept', { what, reason: (error as Error).message })
      }
    }
    return { paths, attempt }
  })
  if (tried.length === 0 && audit === null) return { close() {} }
  const watches: FileWatch[] = tried.map(({ paths, attempt }) => watchFiles(paths, clock, attempt))
  const hangup = listenForHangup(() => {
    for (const { attempt } of tried) attempt()
    audit?.reopen()
  })
  return {
    close() {
      hangup.close()
      for (const watch of watches) watch.close()
    },
  }
}

function certificates({ settings, log, faces }: RenewalOptions): Renewed | null {
  const { tlsCert, tlsKey, tlsCa } = settings
  if (tlsCert === undefined) return null
  return {
    what: 'the new certificate',
    paths: [tlsCert, tlsKey, tlsCa].filter((path) => path !== undefined),
    renew() {
      const loaded = loadServerTls(settings)!
      for (const face of faces) face.renewTls(loaded.tls)
      logCertificate(log, loaded)
    },
  }
}

function tokens({ settings, log, faces, access, audit }: RenewalOptions): Renewed | null {
  const path = settings.tokens
  if (path === undefined) return null
  let known = loadTokenFile(path)
  return {
    what: 'the tokens file',
    paths: [path],
    renew() {
      const file = loadTokenFile(path)
      access.renew(file)
      for (const face of faces) face.recheckAccess()
      log.event('distributor.tokens', { tokens: file.tokens.length })
      const details = differences(known, file)
      audit?.record({
        result: 'allowed',
        act: 'tokens.changed',
        who: 'the tokens file',
        from: 'local',
        details,
      })
      known = file
    },
  }
}

/** By name, for people. */
function differences(before: TokenFile, after: TokenFile): Record<string, readonly string[]> {
  const names = (from: TokenFile, other: TokenFile) => {
    const ids = new Set(other.tokens.map(({ id }) => id))
    return from.tokens.filter(({ id }) => !ids.has(id)).map(({ name, id }) => `${name} (${id})`)
  }
  return { created: names(after, before), revoked: names(before, after) }
}
