/** The role of a distributor: an engine with a TCP and an HTTP face, until it is told to stop. */

import { openDistributor } from '../distributor/distributor.ts'
import type { ProxyPolicy } from '../distributor/reception.ts'
import { TracedEngine } from '../engine/traced-engine.ts'
import { systemClock } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { DRAIN_ANSWERS_MS } from '../task/limits.ts'
import { isTraced } from '../telemetry/spans.ts'
import { type Address, addressText } from '../wire/address.ts'
import { parseNetworks } from '../wire/networks.ts'
import { type AuditLog, openAudit } from './audit-log.ts'
import { openEngine } from './composition.ts'
import { reconcileCron } from './declared-cron.ts'
import { openHttpFace } from './http.ts'
import { loadAccess } from './load-access.ts'
import { measured, refusalMeasure, serverMetrics, showDistributor, syncMeasure } from './measuring.ts'
import { keepRenewed } from './renewal.ts'
import type { Role } from './role.ts'
import { loadServerTls, logCertificate } from './server-tls.ts'
import type { Settings } from './settings.ts'
import { VERSION } from './version.ts'
import { webhooksFor } from './webhooks.ts'

/** Resolves with the exit code, after everything is closed. */
export async function runDistributor(role: Role): Promise<number> {
  const server = await openServer(role)
  role.onReady({
    role: 'distributor',
    address: server.url,
    ...(server.httpUrl !== null && { http: server.httpUrl }),
    engine: role.settings.engine,
  })
  await role.stop.drain
  const end = async () => {
    await Promise.race([server.giveNotice(), role.stop.now])
    await server.close()
    return 0
  }
  return await Promise.race([end(), role.stop.now])
}

export interface Server {
  readonly address: Address
  /** Tells balancers that ask that it is about to stop; resolves when they have had the time to ask. */
  giveNotice(): Promise<void>
  /** `chasqui://…`, or `chasquis://…` where it speaks TLS. */
  readonly url: string
  /** `http://…` or `https://…`; null: it does not speak HTTP. */
  readonly httpUrl: string | null
  /** What workers of this process's own show; null: they need nothing. */
  readonly workerToken: string | null
  close(): Promise<void>
}

/** Engine and distributor as one thing. @throws ChasquiError, one sentence */
export async function openServer({
  settings,
  schedules = null,
  log,
}: Pick<Role, 'settings' | 'schedules' | 'log'>): Promise<Server> {
  const proxy = proxyPolicy(settings)
  const loadedTls = loadServerTls(settings)
  const { access, workerToken } = loadAccess(settings)
  const metrics = serverMetrics(settings)
  const opened = await openEngine(settings, log, syncMeasure(metrics))
  const engine = measured(opened.engine, metrics)
  let audit: AuditLog | null = null
  try {
    const webhooks = webhooksFor(settings, isTraced() ? new TracedEngine(engine) : engine, log)
    audit = await openAudit(settings, log, systemClock)
    if (schedules !== null) log.event('cron.declared', await reconcileCron(engine.cron, schedules))
    const distributor = await openDistributor({
      engine: webhooks.engine,
      host: settings.host,
      port: settings.port,
      access,
      ...(audit !== null && { audit }),
      ...(loadedTls !== null && { tls: loadedTls.tls }),
      version: VERSION,
      ...refusalMeasure(metrics),
      clock: systemClock,
      log,
      proxy,
      limits: {
        frameBytesMax: settings.frameMaxBytes,
        connectionsMax: settings.connectionsMax,
        messageStallMs: settings.messageStallMs,
        outboxBytesMax: settings.outboxMaxBytes,
        slowReaderMs: settings.slowReaderMs,
        leaseMs: settings.leaseMs,
      },
    })
    if (metrics !== null) showDistributor(distributor, metrics)
    const tls = loadedTls?.tls ?? null
    const http = await openHttpFace({ settings, grounds: distributor.grounds, tls, metrics }).catch(
      async (error) => {
        await distributor.close({ deadlineMs: 0 })
        throw error
      },
    )
    const caller = await webhooks.start()
    if (loadedTls !== null) logCertificate(log, loadedTls)
    const faces = http === null ? [distributor] : [distributor, http]
    const renewal = keepRenewed({ settings, log, clock: systemClock, faces, access, audit })
    const address = { host: distributor.address, port: distributor.port }
    return {
      address,
      workerToken,
      httpUrl: http?.url ?? null,
      url: `${loadedTls === null ? 'chasqui' : 'chasquis'}://${addressText(address)}`,
      async giveNotice() {
        if (settings.drainNoticeMs === 0) return
        distributor.announceEnd()
        await new Promise<void>((resolve) =>
          systemClock.at(systemClock.nowMs() + settings.drainNoticeMs, resolve),
        )
      },
      async close() {
        renewal.close()
        await Promise.all([
          ...faces.map((face) => face.close({ deadlineMs: DRAIN_ANSWERS_MS })),
          caller?.close(DRAIN_ANSWERS_MS),
        ])
        await opened.close()
        await audit?.close()
      },
    }
  } catch (error) {
    await opened.close()
    await audit?.close()
    throw error
  }
}

function proxyPolicy({ proxyProtocol, proxyTrusted }: Settings): ProxyPolicy | null {
  const trusted = parseNetworks(proxyTrusted ?? [])
  if (proxyProtocol === 'off') return null
  if (proxyTrusted === undefined) {
    const why =
      'needs --proxy-trusted: the addresses of the balancers, for whoever may send a header may pretend to be anybody'
    throw new ChasquiError('CONFIG_INVALID', `--proxy-protocol ${proxyProtocol} ${why}`)
  }
  return { trusted, required: proxyProtocol === 'required' }
}
