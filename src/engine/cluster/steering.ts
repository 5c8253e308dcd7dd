/** People change their minds: cancel, and retry by hand. */

import type { TaskState } from '../../task/lifecycle.ts'
import { RETRY_BATCH_MAX } from '../../task/limits.ts'
import type { Lease } from '../../task/outcome.ts'
import type { Change, RetryAnswer, RetrySelection } from '../engine.ts'
import type { Core } from './core.ts'
import type { Waiting } from './hints.ts'
import type { Lane } from './lane.ts'
import { isPlain, texts } from './ledger/columns.ts'
import { STATE_OF_NUMBER } from './ledger/schema.ts'
import type { Row } from './ledger/session.ts'
import { CANCEL, CANCEL_WAITING, REVIVE, REVIVE_FAILED } from './ledger/steer-statements.ts'
import type { Publisher } from './publisher.ts'

const STEER_SLOT = 9
const QUEUED = 1
const RUNNING = 2
const FIRST_FINAL = 4

/** Recorded at once in every state that is not final; a running handler is told to stop, and its epoch is fenced off. */
export function cancel(core: Core, ids: readonly string[]): Promise<(Change | null)[]> {
  return cancelBy(CANCEL, core, ids)
}

/** The same, where it has not begun to run. */
export function cancelWaiting(core: Core, ids: readonly string[]): Promise<(Change | null)[]> {
  return cancelBy(CANCEL_WAITING, core, ids)
}

async function cancelBy(
  statement: typeof CANCEL,
  core: Core,
  ids: readonly string[],
): Promise<(Change | null)[]> {
  const rows = await core.ledger.careful.repeat(statement, [
    texts(ids.filter(isPlain)),
    core.nowMs(),
    core.slot(STEER_SLOT),
    core.settings.documents ? 'true' : 'false',
  ])
  const byId = new Map(rows.map((row) => [row[0] as string, row]))
  const elsewhere: Lease[] = []
  const told = new Set<string>()
  const changes = []
  for (const id of ids) {
    const row = byId.get(id)
    if (row === undefined) {
      changes.push(null)
      continue
    }
    const before = STATE_OF_NUMBER[row[2] as number] as TaskState
    const runsOn = statement === CANCEL_WAITING && row[2] === RUNNING
    if ((row[2] as number) >= FIRST_FINAL || runsOn || told.has(id)) {
      changes.push({ id, state: told.has(id) ? ('canceled' as const) : before, changed: false })
      continue
    }
    told.add(id)
    if (row[2] === RUNNING) {
      const lease = { id, epoch: row[3] as number }
      if (!revokeHere(core, [lease])) elsewhere.push(lease)
    } else core.windows.get(row[4] as number)?.drop(row[1] as number)
    core.tell(id, await laneOf(core, row[4] as number), 'canceled', row[5] as number)
    changes.push({ id, state: 'canceled' as const, changed: true })
  }
  core.news.sendRevoked(elsewhere)
  core.news.sendDropped(
    rows.filter((row) => row[2] === QUEUED).map((row) => [row[4] as number, row[1] as number]),
  )
  return changes
}

/** Leases that are void: whoever of this process holds one is told to stop. @returns whether there was one */
export function revokeHere(core: Core, leases: readonly Lease[]): boolean {
  let found = false
  for (const lease of leases) {
    const held = core.leases.find(lease)
    if (held === undefined) continue
    found = true
    const { seat } = held
    core.leases.haunt(held)
    core.revoke(seat, [lease])
  }
  return found
}

export async function retry(
  core: Core,
  publisher: Publisher,
  selection: RetrySelection,
): Promise<RetryAnswer> {
  const common = [core.nowMs(), core.slot(STEER_SLOT), core.member]
  if (!('ids' in selection)) {
    const { types, queues } = selection.filter
    const rows = await core.ledger.careful.repeat(REVIVE_FAILED, [
      RETRY_BATCH_MAX,
      ...common,
      types === undefined ? null : texts(types),
      queues === undefined ? null : texts(queues),
    ])
    const changes = await revived(core, publisher, rows)
    return { tasks: [...changes.values()], more: rows.length === RETRY_BATCH_MAX }
  }
  const { ids } = selection
  const rows = await core.ledger.careful.repeat(REVIVE, [texts(ids.filter(isPlain)), ...common])
  const changes = await revived(core, publisher, rows)
  const answered = new Set<string>()
  return {
    tasks: ids.map((id) => {
      const change = changes.get(id)
      if (change === undefined) return null
      const again = answered.has(id)
      answered.add(id)
      return again ? { ...change, changed: false } : change
    }),
    more: false,
  }
}

async function revived(core: Core, publisher: Publisher, rows: readonly Row[]): Promise<Map<string, Change>> {
  const changes = new Map<string, Change>()
  const waiting: Waiting[] = []
  for (const [id, seq, state, laneNo] of rows as readonly [string, number, number, number][]) {
    const before = STATE_OF_NUMBER[state] as TaskState
    if (before !== 'failed' && before !== 'canceled' && before !== 'expired') {
      changes.set(id, { id, state: before, changed: false })
      continue
    }
    const lane = await laneOf(core, laneNo)
    waiting.push({ seq, lane, runAtMs: core.nowMs(), alone: false })
    core.tell(id, lane, 'queued', 0)
    changes.set(id, { id, state: 'queued', changed: true })
  }
  const outbox = (rows[0]?.[4] ?? null) as number | null
  if (outbox !== null) void publisher.publish(waiting, outbox)
  return changes
}

export async function laneOf(core: Core, no: number): Promise<Lane> {
  if (core.lanes.byNo(no) === undefined) await core.lanes.refresh()
  return core.lanes.byNo(no)!
}
