/**
 * What `chasqui top` shows: one look at the system, through the client library. Bounded work at any rate of tasks: one report, a sample of
 * what started and failed since the look before, and the truth about the tasks that are known by name.
 */

import type { Client } from '../../client/client.ts'
import type { TaskSnapshot } from '../../client/snapshot.ts'
import type { EngineReport } from '../../engine/engine.ts'
import {
  TOP_FAILED_MAX,
  TOP_FAILURES_MAX,
  TOP_RUNNING_MAX,
  TOP_SEARCH_MS,
  TOP_STARTS_MAX,
} from '../../task/limits.ts'
import { SampledWatch } from './sampled-watch.ts'

export interface Look {
  readonly atMs: number
  readonly report: EngineReport
  /** Those that are known, the longest running first. */
  readonly running: readonly TaskSnapshot[]
  /** The newest first. */
  readonly failures: readonly TaskSnapshot[]
}

export interface Looker {
  /** One at a time. Rejects as the client does. */
  look(): Promise<Look>
  close(): Promise<void>
}

export function createLooker(client: Client): Looker {
  const started = new SampledWatch(client, { states: ['running'] }, TOP_STARTS_MAX)
  const failed = new SampledWatch(client, { states: ['failed'] }, TOP_FAILED_MAX)
  let running = new Set<string>()
  let failures: TaskSnapshot[] = []
  let searchAtMs = 0

  /** Hints make tasks known, and so does a search now and then; what they are in is asked. */
  async function lookAtRunning(atMs: number): Promise<TaskSnapshot[]> {
    for (const id of await started.take()) running.add(id)
    if (atMs >= searchAtMs) {
      searchAtMs = atMs + TOP_SEARCH_MS
      const { tasks } = await client.list({ states: ['running'], limit: TOP_RUNNING_MAX })
      for (const { id } of tasks) running.add(id)
    }
    if (running.size === 0) return []
    // Those that have run for long are worth more than the newest ones of a stream of short ones.
    const records = await client.get([...running].slice(0, TOP_RUNNING_MAX))
    const still = records.filter((record): record is TaskSnapshot => record?.state === 'running')
    running = new Set(still.map(({ id }) => id))
    return still.sort((a, b) => startOf(a) - startOf(b))
  }

  async function lookAtFailures(isFirst: boolean): Promise<readonly TaskSnapshot[]> {
    const ids = [...new Set(await failed.take())]
    const known = isFirst
      ? (await client.list({ states: ['failed'], limit: TOP_FAILURES_MAX })).tasks
      : failures
    const fresh = ids.length === 0 ? [] : await client.get(ids)
    const all = new Map<string, TaskSnapshot>()
    for (const record of [...fresh, ...known]) {
      if (record?.state === 'failed' && !all.has(record.id)) all.set(record.id, record)
    }
    failures = [...all.values()].sort((a, b) => endOf(b) - endOf(a)).slice(0, TOP_FAILURES_MAX)
    return failures
  }

  return {
    async look() {
      const report = await client.stats()
      const atMs = Date.now()
      const isFirst = searchAtMs === 0
      return { atMs, report, running: await lookAtRunning(atMs), failures: await lookAtFailures(isFirst) }
    },
    async close() {
      await Promise.all([started.close(), failed.close()])
    },
  }
}

const startOf = ({ startedAtMs }: TaskSnapshot) => startedAtMs ?? 0
const endOf = ({ finishedAtMs }: TaskSnapshot) => finishedAtMs ?? 0
