/**
 * What can be asked of an engine, at random: each operation says what to ask, and what the model makes of it: the check of the answer.
 * The model is changed before the engine is asked.
 */

import assert from 'node:assert/strict'
import type { Engine } from '../../src/engine/engine.ts'
import type { TaskState } from '../../src/task/lifecycle.ts'
import { RETRY_BATCH_MAX } from '../../src/task/limits.ts'
import type { Lease, Outcome } from '../../src/task/outcome.ts'
import type { Durability, Submission } from '../../src/task/task.ts'
import type { Dice } from './dice.ts'
import type { Model } from './model.ts'
import type { Scale } from './settings.ts'

export interface Operation {
  readonly name: string
  /** Whether it may share a turn with others: its answer does not depend on when in the turn things are looked at. */
  readonly canShare: boolean
  ask(engine: Engine): Promise<unknown>
  check(answer: unknown): void
}

export const QUEUES = ['q', 'r']
export const TYPES = ['x', 'y', 'z']

const ERROR = { name: 'Error', message: 'boom' }

export class Operations {
  readonly #dice: Dice
  readonly #durability: Durability
  readonly #scale: Scale
  /** Of every delivery of late, current or not. */
  leases: Lease[] = []

  constructor(dice: Dice, durability: Durability, scale: Scale) {
    this.#dice = dice
    this.#durability = durability
    this.#scale = scale
  }

  #anyId(): string {
    return `t${this.#dice.int(0, this.#scale.ids - 1)}`
  }

  #batch(): number {
    const { batchMax } = this.#scale
    return this.#dice.int(1, this.#dice.chance(0.5) ? Math.min(3, batchMax) : batchMax)
  }

  /** What the model says is decided here and now. */
  create(model: Model): Operation {
    const kind = this.#dice.weighted({
      submit: 34,
      settle: 34,
      cancel: 7,
      retry: 6,
      retryFiltered: 2,
      extend: 8,
      steer: 3,
    })
    return this[kind](model)
  }

  submit(model: Model): Operation {
    const dice = this.#dice
    const batch = Array.from({ length: this.#batch() }, () => this.#submission(model))
    const durability = dice.chance(0.2) ? 'relaxed' : 'disk'
    const reached = this.#durability === 'memory' ? 'memory' : durability
    const expected = batch.map((submission) => {
      const answer = model.submit(submission)
      if (answer === null) return null
      return { ...answer, state: model.tasks.get(answer.id)!.state, durability: reached }
    })
    return {
      name: `submit ${batch.map((one) => `${one.id}${one.options?.dedupeKey ?? ''}`).join(' ')}`,
      canShare: batch.every((one) => (one.options?.expiresAtMs ?? Number.POSITIVE_INFINITY) > model.nowMs),
      ask: (engine) => engine.submit(batch, durability),
      check(answer) {
        const receipts = answer as Awaited<ReturnType<Engine['submit']>>
        assert.equal(receipts.length, batch.length)
        for (const [index, receipt] of receipts.entries()) {
          const want = expected[index]!
          if ('refused' in receipt) {
            assert.equal(want, null, `refused: ${receipt.refused.message}`)
            assert.equal(receipt.refused.code, 'ID_CONFLICT')
          } else assert.deepEqual({ ...receipt, state: early(receipt.state, want?.state) }, want)
        }
      },
    }
  }

  #submission(model: Model): Submission {
    const dice = this.#dice
    const id = this.#anyId()
    const known = model.tasks.get(id)
    // Most repetitions say the same; some do not.
    if (known !== undefined && dice.chance(0.7)) return { ...known.submission, runAtMs: 0 }
    return {
      id,
      type: dice.pick(TYPES),
      queue: dice.pick(QUEUES),
      dataText: String(dice.int(1, 3)),
      priority: dice.pick([0, 4, 4, 9]),
      runAtMs: dice.chance(0.3) ? model.nowMs + dice.int(-100, 4_000) : 0,
      options: {
        maxAttempts: dice.int(1, 3),
        maxCrashes: dice.int(0, 2),
        backoff: { kind: 'fixed', delayMs: dice.pick([0, 0, 700, 5_000]) },
        ...(dice.chance(0.25) && { expiresAtMs: model.nowMs + dice.int(-50, 6_000) }),
        ...(dice.chance(0.2) && {
          dedupeKey: dice.pick(['K', 'L']),
          dedupeWindowMs: dice.int(1, 8_000),
        }),
      },
    }
  }

  /** Pauses a queue, or resumes it. */
  steer(model: Model): Operation {
    const queue = this.#dice.pick(QUEUES)
    const kind = model.paused.has(queue) ? 'resume' : 'pause'
    if (kind === 'pause') model.paused.add(queue)
    else model.paused.delete(queue)
    return {
      name: `${kind} ${queue}`,
      canShare: false,
      ask: (engine) => engine.steer({ kind, queue }),
      check(answer) {
        const { settings } = answer as Awaited<ReturnType<Engine['steer']>>
        assert.equal(settings.mode, kind === 'pause' ? 'paused' : 'open')
      },
    }
  }

  settle(model: Model): Operation {
    const outcomes = Array.from({ length: this.#batch() }, () => this.#outcome(model))
    const expected = outcomes.map((outcome) => {
      const accepted = model.settle(outcome)
      return { id: outcome.id, accepted, state: model.tasks.get(outcome.id)?.state ?? null }
    })
    return {
      name: `settle ${outcomes.map((one) => `${one.id}:${one.epoch} ${one.kind}`).join(', ')}`,
      canShare: outcomes.every((outcome) => outcome.kind !== 'released'),
      ask: (engine) => engine.settle(outcomes),
      check(answer) {
        const settled = answer as Awaited<ReturnType<Engine['settle']>>
        const seen = settled.map((one, index) => ({
          ...one,
          state: early(one.state, expected[index]?.state),
        }))
        assert.deepEqual(seen, expected)
      },
    }
  }

  #outcome(model: Model): Outcome {
    const dice = this.#dice
    const lease = this.#lease(model)
    const kind = dice.weighted({ returned: 40, threw: 25, timedOut: 5, crashed: 12, released: 18 })
    switch (kind) {
      case 'returned':
        return { ...lease, kind, valueText: `"${lease.id} ${lease.epoch}"` }
      case 'threw':
        return { ...lease, kind, error: ERROR, retryable: dice.chance(0.8) }
      case 'released':
        return { ...lease, kind }
      default:
        return { ...lease, kind, error: ERROR }
    }
  }

  #lease(model: Model): Lease {
    const dice = this.#dice
    const current = [...model.tasks.values()].filter((task) => task.held !== null)
    if (current.length > 0 && dice.chance(0.75)) {
      const task = dice.pick(current)
      return { id: task.submission.id, epoch: task.epoch }
    }
    if (this.leases.length > 0 && dice.chance(0.9)) return dice.pick(this.leases)
    return { id: this.#anyId(), epoch: dice.int(0, 5) }
  }

  cancel(model: Model): Operation {
    return this.#steer(model, 'cancel')
  }

  retry(model: Model): Operation {
    return this.#steer(model, 'retry')
  }

  #steer(model: Model, verb: 'cancel' | 'retry'): Operation {
    const { ids: idCount, batchMax } = this.#scale
    // Few at a time: most tasks should come to their end in another way.
    const most = Math.min(batchMax, Math.ceil(idCount / 100) + 2)
    const ids = Array.from({ length: this.#dice.int(1, most) }, () => this.#anyId())
    const expected = ids.map((id) => {
      const changed = model[verb](id)
      return changed === null ? null : { id, state: model.tasks.get(id)!.state, changed }
    })
    return {
      name: `${verb} ${ids.join(' ')}`,
      canShare: true,
      ask: (engine) => (verb === 'cancel' ? engine.cancel(ids) : engine.retry({ ids })),
      check(answer) {
        assert.deepEqual(answer, verb === 'cancel' ? expected : { tasks: expected, more: false })
      },
    }
  }

  retryFiltered(model: Model): Operation {
    const types = [this.#dice.pick(TYPES)]
    const ids = [...model.tasks.values()]
      .filter((task) => task.state === 'failed' && types.includes(task.submission.type))
      .map((task) => task.submission.id)
    if (ids.length >= RETRY_BATCH_MAX) return this.retry(model)
    for (const id of ids) model.retry(id)
    return {
      name: `retry failed ${types}`,
      canShare: true,
      ask: (engine) => engine.retry({ filter: { types } }),
      check(answer) {
        const { tasks, more } = answer as Awaited<ReturnType<Engine['retry']>>
        assert.deepEqual(tasks.map((change) => change!.id).sort(), ids.sort())
        assert.equal(more, false)
      },
    }
  }

  extend(model: Model): Operation {
    const lease = this.#lease(model)
    const names = [...model.consumers.keys()]
    const by = names.length > 0 && this.#dice.chance(0.6) ? this.#dice.pick(names) : null
    const accepted = model.extend(lease, by)
    return {
      name: `extend ${lease.id}:${lease.epoch} by ${by}`,
      canShare: false,
      ask: (engine) => engine.extend([lease], by ?? undefined),
      check: (answer) => assert.deepEqual(answer, [{ id: lease.id, accepted }]),
    }
  }
}

/** A task that expires the moment it waits may still be seen waiting by the call that made it wait. */
function early(seen: TaskState | null, expected: TaskState | null | undefined): TaskState | null {
  return expected === 'expired' && (seen === 'queued' || seen === 'scheduled') ? 'expired' : seen
}
