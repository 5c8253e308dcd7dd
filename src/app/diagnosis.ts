/** What `chasqui check` looks at: the runtime, the settings, the disk, the objects, the distributor, and tasks that nobody takes. */

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Client } from '../client/client.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { parseObjectsPlace } from '../objects/place.ts'
import { ChasquiError } from '../task/errors.ts'
import { LIST_LIMIT_MAX } from '../task/limits.ts'
import type { LoadedConfig } from './config.ts'
import { openObjects } from './objects.ts'
import { roughSize } from './quantities.ts'

export interface Finding {
  readonly what: string
  /** `warning`: it works, but look at it. */
  readonly level: 'ok' | 'warning' | 'problem'
  readonly text: string
}

export function checkRuntime(): Finding {
  return { what: 'node', level: 'ok', text: `${process.version}, SQLite ${process.versions.sqlite}` }
}

export function checkConfig({ file, unknownVariables }: LoadedConfig): Finding[] {
  const findings: Finding[] = [
    { what: 'configuration', level: 'ok', text: file ?? 'no file; flags, variables and defaults' },
  ]
  for (const name of unknownVariables) {
    findings.push({ what: 'configuration', level: 'warning', text: `${name} is set and names no setting` })
  }
  return findings
}

/** The disk on which the embedded engine of these settings keeps, or would make, its store. */
export async function checkDisk({ settings }: LoadedConfig): Promise<Finding | null> {
  if (!settings.engine.startsWith('embedded')) return null
  const dir = resolve(settings.engine.slice('embedded:'.length) || './chasqui-data')
  let existing = dir
  while (!existsSync(existing)) existing = dirname(existing)
  const { bavail, bsize } = await statfs(existing)
  const freeBytes = bavail * bsize
  const isEnough = freeBytes >= settings.diskFreeMinBytes
  const where = existing === dir ? dir : `${dir} (not made yet)`
  return {
    what: 'disk',
    level: isEnough ? 'ok' : 'problem',
    text: `${roughSize(freeBytes)} free for ${where}${isEnough ? '' : '; tasks are refused below --disk-free-min'}`,
  }
}

/** Whether the object store can be opened, and an object written, read and deleted. */
export async function checkObjects({ settings: { objects } }: LoadedConfig): Promise<Finding | null> {
  if (objects === undefined) return null
  const found = (level: Finding['level'], text: string): Finding => ({ what: 'objects', level, text })
  try {
    const place = parseObjectsPlace(objects)
    if (place.kind === 'file' && !existsSync(place.dir)) return found('ok', `${objects} (not made yet)`)
    const store = await openObjects(objects)
    try {
      await tryOut(store)
    } finally {
      await store.close()
    }
    return found('ok', `${objects} can be listed, written, read and deleted`)
  } catch (error) {
    if (!(error instanceof ChasquiError)) throw error
    return found('problem', error.message)
  }
}

async function tryOut(store: ObjectStore): Promise<void> {
  const key = `chasqui-check_${randomUUID()}`
  await store.put(key, key)
  let read: string | undefined
  let isDeleted = false
  try {
    read = (await store.get(key))?.toString()
  } finally {
    isDeleted = await store.delete(key)
  }
  if (read !== key || !isDeleted) {
    throw new ChasquiError('STORE_FAILED', 'an object that was just written is not there')
  }
}

/** Types of queued tasks that no connected worker takes: they would wait for ever. */
export async function checkTakers(client: Client): Promise<Finding[]> {
  const { consumers, queues } = await client.stats()
  const slots = consumers.reduce((total, consumer) => total + consumer.slots, 0)
  const findings: Finding[] = [
    consumers.length === 0
      ? { what: 'workers', level: 'warning', text: 'none is connected: tasks wait' }
      : { what: 'workers', level: 'ok', text: `${consumers.length} connected, with ${slots} slots` },
  ]
  for (const { queue, queued } of queues.filter((report) => report.queued > 0)) {
    const waiting = new Set<string>()
    // One page: a look, not a census.
    const { tasks } = await client.list({ states: ['queued'], queues: [queue], limit: LIST_LIMIT_MAX })
    for (const { type } of tasks) waiting.add(type)
    for (const type of waiting) {
      const isTaken = consumers.some(
        (consumer) =>
          consumer.queues.includes(queue) && (consumer.types === null || consumer.types.includes(type)),
      )
      if (isTaken) continue
      const text = `tasks of type "${type}" wait in queue "${queue}" (${queued} queued in all), and no worker takes them`
      findings.push({ what: 'waiting', level: 'warning', text })
    }
  }
  return findings
}
