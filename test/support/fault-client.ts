/**
 * A client process under test: submits all kinds of tasks at a steady pace until SIGTERM, follows some of them, and says on standard
 * output what it saw, one Observation a line (test/faults/history.ts). On SIGTERM it waits for what it follows and ends.
 *
 * Its argument is a FaultClientSetting as JSON. Whatever happens to the distributor, it goes on by itself.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient } from '../../src/client/client.ts'
import type { SubmitOptions } from '../../src/client/submission.ts'
import { openRemoteEngine } from '../../src/engine/remote/remote-engine.ts'
import { ChasquiError } from '../../src/task/errors.ts'
import { isFinal } from '../../src/task/lifecycle.ts'
import type { TaskRecord } from '../../src/task/task.ts'
import type { Observation } from '../faults/history.ts'
import type { WorkData } from './fault-tasks.ts'
import { createRandom } from './random.ts'

export interface FaultClientSetting {
  readonly url: string
  /** Its tasks are called `<name>-<n>`. */
  readonly name: string
  readonly seed: number
  /** Submissions under way at a time, each followed by a pause of 0 to `pauseMs`. */
  readonly lanes: number
  readonly pauseMs: number
  /** Also says what events tell of the tasks of all clients. */
  readonly watches?: boolean
  readonly reconnectMaxMs?: number
}

interface Plan {
  readonly data: WorkData
  readonly options?: SubmitOptions
  /** Cancelled so long after the confirmation. */
  readonly cancelAfterMs?: number
  readonly twice?: boolean
}

const setting = JSON.parse(process.argv[2]!) as FaultClientSetting
const random = createRandom(setting.seed)
/** Longer than any fault lasts: nothing is to fail for want of patience. */
const PATIENCE_MS = 120_000
const DEDUPE_KEY_TASKS = 10

const engine = await openRemoteEngine({
  url: setting.url,
  client: { name: setting.name },
  connectTimeoutMs: PATIENCE_MS,
  callTimeoutMs: PATIENCE_MS,
  ...(setting.reconnectMaxMs !== undefined && { link: { reconnectMaxMs: setting.reconnectMaxMs } }),
})
const client: Client = createClient(engine, { ownsEngine: true, confirmTimeoutMs: PATIENCE_MS })
const following = new Set<Promise<void>>()
let count = 0
let dedupes = 0
let stopping = false

function say(observation: Observation): void {
  process.stdout.write(`${JSON.stringify(observation)}\n`)
}

function between(least: number, most: number): number {
  return least + random.below(most - least + 1)
}

function plan(): Plan {
  const ms = between(0, 15)
  const dice = random.below(100)
  if (dice < 50) return { data: { ms } }
  if (dice < 62) {
    return { data: { ms, failures: between(1, 2) }, options: { backoff: between(10, 60) } }
  }
  if (dice < 66) return { data: { ms, permanent: true } }
  if (dice < 74) return { data: { ms }, options: { delayMs: between(50, 800) } }
  // Long before it is due: it must not start at all.
  if (dice < 80) return { data: { ms }, options: { delayMs: between(1_500, 2_500) }, cancelAfterMs: 0 }
  if (dice < 85) return { data: { ms: between(100, 400) }, cancelAfterMs: between(0, 300) }
  if (dice < 91) {
    const dedupeKey = `${setting.name} ${Math.floor(dedupes++ / DEDUPE_KEY_TASKS)}`
    return { data: { ms }, options: { dedupeKey } }
  }
  if (dice < 96) return { data: { ms }, twice: true }
  return { data: { ms }, options: { delayMs: 30_000, ttlMs: between(50, 500) } }
}

async function submit(id: string, { data, options }: Plan): Promise<string | null> {
  try {
    // Crashes of workers are no fault of these tasks, however many a test makes.
    const handle = await client.submit('work', data, { ...options, id, maxCrashes: 100 })
    const { duplicate, state, durability } = handle.receipt!
    say({
      saw: 'confirmation',
      asked: id,
      id: handle.id,
      duplicate,
      state,
      durability,
      atMs: Date.now(),
    })
    return handle.id
  } catch (error) {
    if (!(error instanceof ChasquiError)) throw error
    say({ saw: 'doubt', asked: id, code: error.code })
    return null
  }
}

async function cancel(id: string, afterMs: number): Promise<void> {
  await sleep(afterMs)
  const [change] = await client.cancel([id])
  if (change == null) throw new Error(`${id} was confirmed and its cancel does not know it`)
  say({ saw: 'cancellation', id, state: change.state, changed: change.changed, atMs: Date.now() })
}

async function follow(id: string): Promise<void> {
  const [record] = await engine.wait([id], PATIENCE_MS)
  if (record == null) throw new Error(`${id} was confirmed and a wait does not know it`)
  if (isFinal(record.state)) say(sightingOf(record))
}

function sightingOf({ id, state, attempt, finishedAtMs, resultText, error }: TaskRecord): Observation {
  return {
    saw: 'final',
    by: 'wait',
    id,
    state,
    attempt,
    atMs: Date.now(),
    ...(finishedAtMs !== undefined && { finishedAtMs }),
    ...(resultText !== undefined && { result: JSON.stringify(JSON.parse(resultText)) }),
    ...(error !== undefined && { error: error.message }),
  }
}

function keep(promise: Promise<void>): void {
  following.add(promise)
  void promise.finally(() => following.delete(promise))
}

async function lane(): Promise<void> {
  while (!stopping) {
    const own = plan()
    const id = `${setting.name}-${count++}`
    const standing = await submit(id, own)
    if (standing !== null) {
      if (own.twice === true) await submit(id, own)
      if (own.cancelAfterMs !== undefined) keep(cancel(standing, own.cancelAfterMs))
      if (random.below(3) === 0) keep(follow(standing))
    }
    await sleep(between(0, setting.pauseMs))
  }
}

async function watch(): Promise<void> {
  for await (const { id, state, attempt, atMs, progress } of client.watch()) {
    if (progress === undefined && isFinal(state)) say({ saw: 'final', by: 'event', id, state, attempt, atMs })
  }
}

process.on('SIGTERM', () => {
  stopping = true
})
if (setting.watches === true) void watch()
await Promise.all(Array.from({ length: setting.lanes }, lane))
await Promise.all(following)
await client.close()
