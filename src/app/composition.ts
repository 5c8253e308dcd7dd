/**
 * The only place that names backends: from `--engine` and its settings to an open engine.
 *
 * Invariant: what is opened here is closed by one call of the one who asked, in the reverse order.
 */

import type { Archive } from '../engine/archive.ts'
import type { AuditStore } from '../engine/audit.ts'
import { openEmbeddedArchive } from '../engine/embedded/embedded-archive.ts'
import { openEmbeddedEngine } from '../engine/embedded/embedded-engine.ts'
import type { Engine } from '../engine/engine.ts'
import { openMemoryEngine } from '../engine/memory/memory-engine.ts'
import { openRemoteEngine } from '../engine/remote/remote-engine.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { ChasquiError } from '../task/errors.ts'
import type { Log } from '../telemetry/log.ts'
import { clientTls } from './client-tls.ts'
import { openObjects } from './objects.ts'
import { ownToken } from './own-token.ts'
import type { ARCHIVE_SETTINGS, Settings } from './settings.ts'
import { VERSION } from './version.ts'

export interface OpenEngine {
  readonly engine: Engine
  close(): Promise<void>
}

/** @param onSync hears how long each commit took that waited for the disk */
export async function openEngine(
  settings: Settings,
  log: Log,
  onSync?: (tookMs: number) => void,
): Promise<OpenEngine> {
  const [kind, rest] = splitOnce(settings.engine, ':')
  if (settings.objects !== undefined && kind !== 'embedded' && kind !== 'cluster') {
    throw new ChasquiError(
      'CONFIG_INVALID',
      `--objects needs the embedded or the cluster engine, not ${settings.engine}.`,
    )
  }
  const { leaseMs, reconnectGraceMs, retentionMs, failedRetentionMs } = settings
  const times = { leaseMs, reconnectGraceMs, retentionMs, failedRetentionMs }
  switch (kind) {
    case 'memory':
      return owned(openMemoryEngine({ ...times, tasksMax: settings.memoryTasksMax }))
    case 'cluster':
      return openCluster(settings, times, log, onSync)
    case 'embedded': {
      const objects = settings.objects === undefined ? null : await openObjects(settings.objects)
      try {
        const engine = await openEmbeddedEngine({
          ...times,
          dir: rest ?? EMBEDDED_DIR,
          diskFreeBytesMin: settings.diskFreeMinBytes,
          ...(objects !== null && { objects }),
          ...(onSync !== undefined && { onSync }),
          onTrouble: tellTrouble(log),
        })
        return owned(engine, objects)
      } catch (error) {
        await objects?.close()
        throw error
      }
    }
    default:
      return owned(
        await openRemoteEngine({
          url: settings.engine,
          client: { name: 'chasqui distributor', version: VERSION },
          connectTimeoutMs: settings.connectTimeoutMs,
          ...ownToken(settings),
          ...clientTls(settings, settings.engine),
        }),
      )
  }
}

type Times = Pick<Settings, 'leaseMs' | 'reconnectGraceMs' | 'retentionMs' | 'failedRetentionMs'>

async function openCluster(
  settings: Settings,
  times: Times,
  log: Log,
  onSync: ((tookMs: number) => void) | undefined,
): Promise<OpenEngine> {
  const { databaseUrl, amqpUrl, amqpPrefix, inboxes } = settings
  if (databaseUrl === undefined || amqpUrl === undefined) {
    const missing = databaseUrl === undefined ? '--database-url' : '--amqp-url'
    throw new ChasquiError('CONFIG_INVALID', `the cluster engine needs ${missing}.`)
  }
  const objects = settings.objects === undefined ? null : await openObjects(settings.objects)
  try {
    // Loaded only where it is used: the clients of both servers take half a second to start.
    const { openClusterEngine } = await import('../engine/cluster/open-cluster-engine.ts')
    const engine = await openClusterEngine({
      ...times,
      databaseUrl,
      amqpUrls: amqpUrl,
      amqpPrefix,
      inboxes,
      migrate: settings.migrate === 'auto',
      objectsAboveLength: settings.objectsAboveBytes,
      tasksMax: settings.tasksMax,
      queueTasksMax: settings.queueTasksMax,
      ...(objects !== null && { objects }),
      onSync,
      onTrouble: tellTrouble(log),
    })
    return owned(engine, objects)
  } catch (error) {
    await objects?.close()
    throw error
  }
}

function tellTrouble(log: Log): (trouble: string, error: unknown) => void {
  return (trouble, error) =>
    log.event('engine.trouble', {
      trouble,
      reason: error instanceof Error ? error.message : error,
      error,
    })
}

/** What `chasqui migrate` does. @returns how many steps were taken */
export async function migrateCluster({ databaseUrl }: Pick<Settings, 'databaseUrl'>): Promise<number> {
  if (databaseUrl === undefined) {
    throw new ChasquiError('CONFIG_INVALID', 'there is nothing to migrate without --database-url.')
  }
  const { migrateDatabase } = await import('../engine/cluster/migrate-database.ts')
  return migrateDatabase(databaseUrl)
}

/** A store without its engine: what `chasqui export` reads and `chasqui import` writes. */
export interface OpenArchive {
  readonly archive: Archive
  close(): Promise<void>
}

type ArchiveSettings = Pick<Settings, (typeof ARCHIVE_SETTINGS)[number]>

export async function openArchive(
  settings: ArchiveSettings,
  { readOnly }: { readonly readOnly: boolean },
): Promise<OpenArchive> {
  const [kind, rest] = splitOnce(settings.engine, ':')
  if (kind === 'cluster') return openClusterStore(settings, readOnly)
  if (kind === 'embedded') {
    const archive = await openEmbeddedArchive({ dir: rest ?? EMBEDDED_DIR, readOnly })
    return { archive, close: () => archive.close() }
  }
  const why =
    kind === 'memory'
      ? 'the memory engine keeps nothing that could be moved'
      : `tasks are moved where their store is: stop the distributor at ${settings.engine} and name its engine`
  throw new ChasquiError('NOT_SUPPORTED', why)
}

async function openClusterStore(settings: ArchiveSettings, readOnly: boolean): Promise<OpenArchive> {
  const { databaseUrl } = settings
  if (databaseUrl === undefined) {
    throw new ChasquiError('CONFIG_INVALID', 'the store of a cluster is found by its --database-url.')
  }
  const objects = settings.objects === undefined ? null : await openObjects(settings.objects)
  try {
    const { openClusterArchive } = await import('../engine/cluster/cluster-archive.ts')
    const archive = await openClusterArchive({
      databaseUrl,
      readOnly,
      objectsAboveLength: settings.objectsAboveBytes,
      ...(objects !== null && { objects }),
    })
    return {
      archive,
      async close() {
        await archive.close()
        await objects?.close()
      },
    }
  } catch (error) {
    await objects?.close()
    throw error
  }
}

/** The audit log as a table. Null: this engine keeps none. */
export async function openAuditStore({
  engine,
  databaseUrl,
  migrate,
}: Pick<Settings, 'engine' | 'databaseUrl' | 'migrate'>): Promise<AuditStore | null> {
  if (engine !== 'cluster' || databaseUrl === undefined) return null
  const { openClusterAudit } = await import('../engine/cluster/cluster-audit.ts')
  return openClusterAudit({ databaseUrl, migrate: migrate === 'auto' })
}

const EMBEDDED_DIR = './chasqui-data'

function owned(engine: Engine, objects: ObjectStore | null = null): OpenEngine {
  return {
    engine,
    async close() {
      await engine.close()
      await objects?.close()
    },
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}
