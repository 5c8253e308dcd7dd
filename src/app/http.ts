/** The HTTP face of a distributor: from settings to an open server, or none. */

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Grounds } from '../distributor/grounds.ts'
import type { HttpFace } from '../distributor/http/http-face.ts'
import { ChasquiError } from '../task/errors.ts'
import type { Metrics } from '../telemetry/metrics/metrics.ts'
import { parseNetworks } from '../wire/networks.ts'
import type { ServerTls } from '../wire/tls-policy.ts'
import { isLoopback } from './load-access.ts'
import type { Settings } from './settings.ts'

export interface HttpParts {
  readonly settings: Settings
  readonly grounds: Grounds
  readonly tls: ServerTls | null
  /** Null: nothing is measured. */
  readonly metrics: Metrics | null
}

/** Null: not asked for. @throws ChasquiError CONFIG_INVALID, one sentence */
export async function openHttpFace({ settings, grounds, tls, metrics }: HttpParts): Promise<HttpFace | null> {
  if (settings.http === 'off') return null
  for (const origin of settings.httpOrigins) checkOrigin(origin)
  // Loaded only where it is used: a distributor that speaks TCP only starts faster.
  const { openHttp } = await import('../distributor/http/http-face.ts')
  const { proxyTrusted, httpOrigins } = settings
  return openHttp({
    grounds,
    host: settings.host,
    port: settings.httpPort,
    ...(tls !== null && { tls }),
    guardsHost: !grounds.locks.access.isLocked && tls?.ca === undefined && isLoopback(settings.host),
    origins: httpOrigins,
    proxies: proxyTrusted === undefined ? null : parseNetworks(proxyTrusted),
    page: builtPage(),
    ...(metrics !== null && {
      metrics: {
        right: settings.metricsAccess === 'open' ? 'none' : 'metrics',
        contentType: metrics.contentType,
        read: () => metrics.text(),
      },
    }),
  })
}

/** Beside the built program; run from the source, where the build puts it. */
function builtPage(): string | null {
  const places = ['../dashboard', '../../dist/dashboard']
  const folders = places.map((place) => fileURLToPath(new URL(place, import.meta.url)))
  return folders.find((folder) => existsSync(folder)) ?? null
}

function checkOrigin(origin: string): void {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return
  throw new ChasquiError(
    'CONFIG_INVALID',
    `--http-origins must name origins like https://tasks.example.com, without a path, not "${origin}"`,
  )
}
