/**
 * The only place that names backends: from `--engine` and its settings to an open engine.
 *
 * Invariant: what is opened here is closed by one call of the one who asked, in the reverse order.
 */

import { openEmbeddedEngine } from '../engine/embedded/embedded-engine.ts'
import type { Engine } from '../engine/engine.ts'
import { openMemoryEngine } from '../engine/memory/memory-engine.ts'
import { openRemoteEngine } from '../engine/remote/remote-engine.ts'
import { openFileStore } from '../objects/file-store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { ChasquiError } from '../task/errors.ts'
import type { Log } from '../telemetry/log.ts'
import type { Settings } from './settings.ts'
import { VERSION } from './version.ts'

export interface OpenEngine {
  readonly engine: Engine
  close(): Promise<void>
}

export async function openEngine(settings: Settings, log: Log): Promise<OpenEngine> {
  const [kind, rest] = splitOnce(settings.engine, ':')
  if (settings.objects !== undefined && kind !== 'embedded') {
    throw new ChasquiError('CONFIG_INVALID', `--objects needs the embedded engine, not ${settings.engine}.`)
  }
  const { leaseMs, reconnectGraceMs, retentionMs, failedRetentionMs } = settings
  const times = { leaseMs, reconnectGraceMs, retentionMs, failedRetentionMs }
  switch (kind) {
    case 'memory':
      return owned(openMemoryEngine({ ...times, tasksMax: settings.memoryTasksMax }))
    case 'embedded': {
      const objects = settings.objects === undefined ? null : await openObjects(settings.objects)
      const engine = await openEmbeddedEngine({
        ...times,
        dir: rest ?? EMBEDDED_DIR,
        diskFreeBytesMin: settings.diskFreeMinBytes,
        ...(objects !== null && { objects }),
        onTrouble: (trouble, error) =>
          log.event('engine.trouble', {
            trouble,
            reason: error instanceof Error ? error.message : error,
            error,
          }),
      })
      return owned(engine, objects)
    }
    default:
      return owned(
        await openRemoteEngine({
          url: settings.engine,
          client: { name: 'chasqui distributor', version: VERSION },
          connectTimeoutMs: settings.connectTimeoutMs,
        }),
      )
  }
}

const EMBEDDED_DIR = './chasqui-data'

function openObjects(place: string): Promise<ObjectStore> {
  const [, dir] = splitOnce(place, ':')
  return openFileStore({ dir: dir! })
}

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
