/**
 * A process that puts an embedded store under a mixed load until it is killed: submits, settles of all kinds, cancels, retries by hand,
 * delayed tasks. It says each thing on standard output once it was confirmed, one StoreFact a line, written at once.
 *
 * Its argument is a StoreLoadSetting as JSON. Before the load it tries to settle leases that are known to be over: none of that may
 * be accepted, or change anything.
 */

import { readFileSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import type { Delivery } from '../../src/engine/engine.ts'
import { type FinalState, isFinal, type TaskState } from '../../src/task/lifecycle.ts'
import type { Lease, Outcome } from '../../src/task/outcome.ts'
import { createRandom } from './random.ts'
import { submission } from './submissions.ts'

export interface StoreLoadSetting {
  readonly dir: string
  readonly round: number
  readonly seed: number
  /** A file with Lease objects, as JSON, that are over. */
  readonly over: string
}

export type StoreFact =
  | { readonly is: 'open' }
  | { readonly is: 'accepted'; readonly ids: readonly string[] }
  /** An accepted settle or cancel; the lease, if any, is over from then on. `state` null: a retry by hand was under way as well. */
  | {
      readonly is: 'moved'
      readonly id: string
      readonly state: TaskState | null
      readonly epoch: number | null
      readonly value?: string
    }
  /** About to be retried by hand: from now on nothing is known of its state. */
  | { readonly is: 'reviving'; readonly ids: readonly string[] }

/** What late workers say; it must be found nowhere. */
export const LATE_VALUE = '"late"'

const LEASE_MS = 2_000
const BATCH_MAX = 8

if (process.argv[2] !== undefined) await load(JSON.parse(process.argv[2]) as StoreLoadSetting)

function say(fact: StoreFact): void {
  writeSync(1, `${JSON.stringify(fact)}\n`)
}

async function load({ dir, round, seed, over }: StoreLoadSetting): Promise<void> {
  const random = createRandom(seed)
  const engine = await openEmbeddedEngine({ dir, leaseMs: LEASE_MS })
  const late = JSON.parse(readFileSync(over, 'utf8')) as Lease[]
  await engine.settle(late.map((lease) => ({ ...lease, kind: 'returned', valueText: LATE_VALUE })))
  say({ is: 'open' })

  const held = new Map<string, Delivery>()
  const ended: { id: string; state: FinalState }[] = []
  const reviving = new Map<string, number>()
  let batches = 0
  await engine.consume(
    {
      queues: ['default'],
      types: null,
      slots: 16,
      prefetch: 1,
      worker: { id: `w${round}`, pid: process.pid, host: 'h' },
    },
    {
      deliver: (deliveries) => {
        for (const delivery of deliveries) held.set(delivery.id, delivery)
      },
      revoke: (leases) => {
        for (const { id } of leases) held.delete(id)
      },
    },
  )

  const operations: (() => Promise<void>)[] = [submit, submit, settle, settle, settle, cancel, revive]
  const lane = async () => {
    for (;;) {
      await random.pick(operations)()
      // A lane with nothing to do must not keep the loop for itself.
      await nextTurn()
    }
  }
  await Promise.all(Array.from({ length: 4 }, lane))

  async function submit(): Promise<void> {
    const batch = batches++
    const ids = Array.from({ length: 1 + random.below(BATCH_MAX) }, (_, at) => `r${round}-${batch}-${at}`)
    await engine.submit(
      ids.map((id) =>
        submission(id, {
          priority: random.below(10),
          runAtMs: random.below(4) === 0 ? Date.now() + random.below(300) : 0,
          options: { backoff: { kind: 'fixed', delayMs: random.below(100) }, maxCrashes: 100 },
        }),
      ),
      'disk',
    )
    say({ is: 'accepted', ids })
  }

  async function settle(): Promise<void> {
    const deliveries = [...held.values()].filter(() => random.below(2) === 0).slice(0, BATCH_MAX)
    for (const { id } of deliveries) held.delete(id)
    const outcomes = deliveries.map(outcomeOf)
    const answers = await engine.settle(outcomes)
    answers.forEach(({ id, accepted, state }, index) => {
      const outcome = outcomes[index]!
      if (!accepted) return
      const value = outcome.kind === 'returned' ? { value: outcome.valueText } : {}
      moved(id, state!, outcome.epoch, value)
      if (isFinal(state!)) ended.push({ id, state: state! })
    })
  }

  function outcomeOf({ id, epoch }: Delivery): Outcome {
    const dice = random.below(10)
    if (dice < 6) return { id, epoch, kind: 'returned', valueText: JSON.stringify(`${id} ${epoch}`) }
    if (dice < 7) return { id, epoch, kind: 'released' }
    const error = { name: 'Error', message: `${id} ${epoch}` }
    if (dice < 8) return { id, epoch, kind: 'crashed', error }
    return { id, epoch, kind: 'threw', error, retryable: dice < 9 }
  }

  async function cancel(): Promise<void> {
    const delivery = held.values().next().value
    const id = delivery?.id ?? `r${round}-${random.below(batches + 1)}-0`
    const [change] = await engine.cancel([id])
    if (change == null || !change.changed) return
    moved(id, change.state, delivery?.epoch ?? null)
    ended.push({ id, state: 'canceled' })
  }

  async function revive(): Promise<void> {
    const ids = ended
      .filter(({ state }) => state !== 'succeeded')
      .slice(-2)
      .map(({ id }) => id)
    if (ids.length === 0) return
    say({ is: 'reviving', ids })
    for (const id of ids) reviving.set(id, (reviving.get(id) ?? 0) + 1)
    await engine.retry({ ids })
    for (const id of ids) reviving.set(id, reviving.get(id)! - 1)
  }

  function moved(id: string, state: TaskState, epoch: number | null, value: { value?: string } = {}): void {
    const isSure = (reviving.get(id) ?? 0) === 0
    say({ is: 'moved', id, state: isSure ? state : null, epoch, ...(isSure && value) })
  }
}
