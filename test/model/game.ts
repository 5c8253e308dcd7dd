/**
 * Plays random operations against an engine and the model side by side, and compares after each step. Between any two steps, and while
 * operations are under way, the engine may be killed and its store opened again.
 */

import assert from 'node:assert/strict'
import type { Consumer, Delivery, Engine, TaskEvent } from '../../src/engine/engine.ts'
import type { VirtualClock } from '../../src/task/clock.ts'
import { isFinal, type TaskState, TRANSITIONS } from '../../src/task/lifecycle.ts'
import type { Durability, TaskRecord } from '../../src/task/task.ts'
import { Dice } from './dice.ts'
import { differenceOf, mayBePurged } from './likeness.ts'
import { Model } from './model.ts'
import { comesFirst, firstOf, runsAlone } from './model-task.ts'
import { type Operation, Operations, QUEUES, TYPES } from './operations.ts'
import type { Scale } from './settings.ts'

export interface Store {
  readonly engine: Engine
  readonly clock: VirtualClock
  readonly durability: Durability
  /** Loses what is not committed, tells nobody, and opens again what is left. Acts before it returns its promise. */
  kill?(): Promise<Engine>
  close(): Promise<void>
}

interface Wait {
  readonly ids: readonly string[]
  readonly deadlineMs: number
  answer: readonly (TaskRecord | null)[] | null
}

const CONSUMERS_MAX = 4
/** How far time goes on: not at all far, past retries, past leases, past retention. */
const SPANS_MS = {
  short: [1, 100],
  middle: [500, 3_000],
  lease: [3_000, 12_000],
  retention: [130_000, 140_000],
} as const
const HISTORY_SHOWN = 40
const LINE_SHOWN = 300

export async function play(store: Store, scale: Scale, seed: number, steps: number): Promise<void> {
  const game = new Game(store, scale, seed)
  try {
    await game.begin()
    for (let step = 0; step < steps; step++) await game.step()
  } catch (error) {
    const history = game.history.slice(-HISTORY_SHOWN).join('\n  ')
    throw new Error(`seed ${seed}, step ${game.steps} (CHASQUI_SEED=${seed} plays it again):\n  ${history}`, {
      cause: error,
    })
  }
}

class Game {
  readonly history: string[] = []
  steps = 0
  readonly #store: Store
  readonly #scale: Scale
  readonly #dice: Dice
  readonly #operations: Operations
  #engine: Engine
  #model = new Model()
  #consumers = new Map<string, Consumer>()
  #names = 0
  #life = 0
  #waits: Wait[] = []
  #lastState = new Map<string, TaskState>()
  /** What went wrong where nobody can throw: in sinks and listeners. */
  #trouble: unknown[] = []
  /** Deliveries of this step, in their order. */
  #delivered: { name: string; id: string }[] = []

  constructor(store: Store, scale: Scale, seed: number) {
    this.#store = store
    this.#scale = scale
    this.#engine = store.engine
    this.#dice = new Dice(seed)
    this.#operations = new Operations(this.#dice, store.durability, scale)
    this.#model.pass(store.clock.nowMs())
  }

  async begin(): Promise<void> {
    const life = this.#life
    await this.#engine.watch({}, (events) => this.#guard(life, () => this.#follow(events)))
  }

  async step(): Promise<void> {
    this.steps++
    this.#delivered = []
    const kind = this.#dice.weighted({
      ask: 60,
      advance: 22,
      consume: 6,
      stop: 5,
      wait: 4,
      kill: this.#store.kill === undefined ? 0 : 3,
    })
    await this[kind]()
    await this.#compare(kind !== 'advance')
  }

  // ---- steps ------------------------------------------------------------------------------------------------

  async ask(): Promise<void> {
    const operations = this.#create()
    const answers = await Promise.all(operations.map((operation) => operation.ask(this.#engine)))
    for (const [index, operation] of operations.entries()) operation.check(answers[index])
  }

  /** One operation, or a few for the same turn. Creating one tells the model. */
  #create(): Operation[] {
    const wanted = this.#dice.chance(0.3) ? this.#dice.int(1, this.#scale.sharedMax) : 1
    const operations = [this.#operations.create(this.#model)]
    while (operations.length < wanted && operations[0]!.canShare) {
      const before = this.#model.clone()
      const operation = this.#operations.create(this.#model)
      if (operation.canShare) operations.push(operation)
      else this.#model = before
    }
    this.#note(operations.map((operation) => operation.name).join(' + '))
    return operations
  }

  async advance(): Promise<void> {
    const dice = this.#dice
    const [low, high] = SPANS_MS[dice.weighted({ short: 40, middle: 36, lease: 20, retention: 4 })]
    const ms = dice.int(low, high)
    this.#note(`advance ${ms}`)
    await this.#advance(ms)
    while (this.#model.inDoubt) await this.#advance(200)
  }

  async #advance(ms: number): Promise<void> {
    await this.#store.clock.advance(ms)
    this.#model.pass(this.#store.clock.nowMs())
  }

  async consume(): Promise<void> {
    if (this.#model.consumers.size >= CONSUMERS_MAX) return
    const dice = this.#dice
    const name = `w${++this.#names}`
    const request = {
      queues: dice.pick([['q'], ['r'], QUEUES]),
      types: dice.pick([null, null, ['x'], ['y', 'z'], TYPES]),
      slots: dice.int(1, this.#scale.creditMax / 2),
      prefetch: dice.int(1, 2),
      worker: { id: name, pid: 1, host: 'test' },
    }
    this.#note(`consume ${name} ${request.queues} ${request.types} ${request.slots}x${request.prefetch}`)
    const life = this.#life
    const consumer = await this.#engine.consume(request, {
      deliver: (deliveries) => this.#guard(life, () => this.#deliver(name, consumer, deliveries)),
      revoke: () => this.#guard(life, () => undefined),
    })
    this.#model.consumers.set(consumer.id, request)
    this.#consumers.set(consumer.id, consumer)
  }

  #deliver(name: string, consumer: Consumer, deliveries: readonly Delivery[]): void {
    this.#note(
      `  ${consumer.id} (${name}) gets ${deliveries.map((one) => `${one.id}:${one.epoch}`).join(' ')}`,
    )
    this.#model.pass(this.#store.clock.nowMs())
    for (const delivery of deliveries) {
      assert.ok(this.#model.hasCredit(consumer.id), 'credit is respected')
      this.#model.deliver(consumer.id, delivery)
      this.#operations.leases.push({ id: delivery.id, epoch: delivery.epoch })
      this.#delivered.push({ name: consumer.id, id: delivery.id })
    }
    this.#operations.leases = this.#operations.leases.slice(-40)
  }

  async stop(): Promise<void> {
    const id = this.#dice.pick([...this.#consumers.keys(), null])
    if (id === null) return
    const lost = this.#dice.chance(0.5)
    this.#note(`stop ${id}${lost ? ' lost' : ''}`)
    this.#model.stop(id, lost)
    await this.#consumers.get(id)!.stop({ lost })
    assert.deepEqual(await this.#consumers.get(id)!.ended, { reason: 'stopped' })
    this.#consumers.delete(id)
  }

  async wait(): Promise<void> {
    const ids = Array.from(
      { length: this.#dice.int(1, 4) },
      () => `t${this.#dice.int(0, this.#scale.ids + 1)}`,
    )
    const timeoutMs = this.#dice.int(0, 20_000)
    this.#note(`wait ${timeoutMs} ${ids.join(' ')}`)
    const wait: Wait = { ids, deadlineMs: this.#model.nowMs + timeoutMs, answer: null }
    this.#waits.push(wait)
    const answered = this.#engine.wait(ids, timeoutMs)
    void answered.then(
      (records) => {
        wait.answer = records
      },
      // Killed under it.
      () => undefined,
    )
  }

  /** In the middle of operations: what was answered, or seen by a consumer, must have happened; the rest happened as a whole or not at all. */
  async kill(): Promise<void> {
    const before = this.#model.clone()
    let seen = this.#delivered.length > 0
    const operations = this.#dice.chance(0.7) ? this.#create() : []
    for (const operation of operations) {
      operation.ask(this.#engine).then(
        () => {
          seen = true
        },
        () => undefined,
      )
    }
    const turns = this.#dice.int(0, 3)
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    seen ||= this.#delivered.length > 0
    this.#note(`kill after ${turns} turns${seen ? ', answered' : ''}`)
    this.#life++
    this.#consumers.clear()
    this.#waits = []
    this.#lastState.clear()
    this.#engine = await this.#store.kill!()
    this.#delivered = []
    const after = this.#model
    for (const model of [before, after]) model.reopen()
    await this.begin()
    await this.#store.clock.advance(0)
    const records = await this.#read(after)
    if (!seen && this.#difference(before, records) === null) {
      this.#model = before
      this.#note('  nothing of it had happened')
    }
    // A pause shows in no record.
    const { queues } = await this.#engine.inspect()
    const paused = new Set(
      queues.flatMap(({ queue, settings }) => (settings.mode === 'paused' ? [queue] : [])),
    )
    if (seen) assert.deepEqual(paused, this.#model.paused, 'a pause that was answered holds')
    else this.#model.paused = paused
  }

  // ---- comparing --------------------------------------------------------------------------------------------

  async #compare(ordered: boolean): Promise<void> {
    let difference: string | null = 'not looked'
    for (let look = 0; difference !== null && look < 200; look++) {
      // Turns of the loop; real time only when something is late.
      await this.#store.clock.advance(0)
      if (look > 3) await new Promise((resolve) => setTimeout(resolve, 5))
      if (this.#trouble.length > 0) throw this.#trouble[0]
      const records = await this.#read(this.#model)
      difference = this.#difference(this.#model, records) ?? this.#undone() ?? (await this.#miscounted())
    }
    assert.equal(difference, null)
    if (ordered) this.#checkOrder()
    if (this.steps % 10 === 0) await this.#checkList()
  }

  async #read(model: Model): Promise<Map<string, TaskRecord | null>> {
    const ids = [...model.tasks.keys()]
    const records = await this.#engine.get(ids)
    return new Map(ids.map((id, index) => [id, records[index]!]))
  }

  /** The first difference between the model and the records; tasks that retention took are taken from the model. */
  #difference(model: Model, records: Map<string, TaskRecord | null>): string | null {
    for (const [id, task] of model.tasks) {
      const record = records.get(id)
      if (record === null && mayBePurged(task, model.nowMs)) {
        model.tasks.delete(id)
        this.#lastState.delete(id)
        continue
      }
      const difference = differenceOf(task, record ?? null)
      if (difference !== null) return `${id}: ${difference}`
    }
    return null
  }

  /** Work that somebody has room for, and waits that should be answered. */
  #undone(): string | null {
    const idle: string[] = []
    for (const name of this.#model.consumers.keys()) {
      if (!this.#model.hasCredit(name) || this.#model.isSolitary(name)) continue
      const holdsNothing = this.#model.held(name) === 0
      const suitable = [...this.#model.tasks.values()].filter(
        (task) => task.state === 'queued' && this.#model.suits(name, task),
      )
      const best = firstOf(suitable.filter((task) => holdsNothing || !runsAlone(task)))
      if (best === null) continue
      if (best === firstOf(suitable)) return `${best.submission.id} is queued and ${name} has room for it`
      idle.push(name)
    }
    // One consumer may be kept free for a task that runs alone.
    if (idle.length > 1) return `${idle} have room and take nothing`
    const { nowMs, tasks } = this.#model
    for (const wait of [...this.#waits]) {
      const isDone = wait.ids.every((id) => isFinal(tasks.get(id)?.state ?? 'succeeded'))
      if (wait.answer === null) {
        if (isDone || wait.deadlineMs <= nowMs) return `the wait for ${wait.ids} is not answered`
        continue
      }
      const early = wait.answer.some((record) => record !== null && !isFinal(record.state))
      if (early && nowMs < wait.deadlineMs) return `the wait for ${wait.ids} was answered too early`
      this.#waits.splice(this.#waits.indexOf(wait), 1)
    }
    return null
  }

  async #miscounted(): Promise<string | null> {
    const report = await this.#engine.inspect()
    const all = [...this.#model.tasks.values()]
    for (const { queue, scheduled, queued, running, totals } of report.queues) {
      const own = all.filter((task) => task.submission.queue === queue)
      const count = (state: TaskState) => own.filter((task) => task.state === state).length
      const wanted = [count('scheduled'), count('queued'), count('running')].join(' ')
      if (`${scheduled} ${queued} ${running}` !== wanted) {
        return `${queue} counts ${scheduled} ${queued} ${running}, expected ${wanted}`
      }
      const final = totals.succeeded + totals.failed + totals.canceled + totals.expired
      if (totals.submitted !== scheduled + queued + running + final) return `${queue} does not add up`
    }
    for (const { id, held } of report.consumers) {
      const wanted = this.#model.held(id)
      if (held !== wanted) return `${id} holds ${held}, expected ${wanted}`
    }
    return null
  }

  /** Nothing that was left waiting should have been taken instead of what was. */
  #checkOrder(): void {
    const queued = [...this.#model.tasks.values()].filter((task) => task.state === 'queued')
    for (const { name, id } of this.#delivered) {
      const task = this.#model.tasks.get(id)!
      if (task.state !== 'running' || !this.#model.consumers.has(name)) continue
      const isBeside = this.#model.held(name) > 1
      const better = queued.find(
        (other) =>
          this.#model.suits(name, other) && comesFirst(other, task) && !(isBeside && runsAlone(other)),
      )
      assert.equal(better, undefined, `${better?.submission.id} should have come before ${id}`)
    }
  }

  async #checkList(): Promise<void> {
    const ids: string[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.#engine.list({
        limit: Math.ceil(this.#scale.ids / 5),
        ...(cursor !== undefined && { cursor }),
      })
      ids.push(...page.tasks.map((record) => record.id))
      cursor = page.cursor
    }
    const wanted = [...this.#model.tasks.values()].sort((a, b) => b.seq - a.seq)
    assert.deepEqual(
      ids,
      wanted.map((task) => task.submission.id),
    )
  }

  /** Events tell allowed moves only. */
  #follow(events: readonly TaskEvent[]): void {
    for (const { id, state } of events) {
      const from = this.#lastState.get(id)
      this.#lastState.set(id, state)
      if (from === undefined) continue
      assert.ok(
        TRANSITIONS.some((transition) => transition.from === from && transition.to === state),
        `${id} went from ${from} to ${state}`,
      )
    }
  }

  #guard(life: number, call: () => void): void {
    try {
      assert.equal(life, this.#life, 'a dead engine is silent')
      call()
    } catch (error) {
      this.#trouble.push(error)
    }
  }

  #note(line: string): void {
    this.history.push(line.length > LINE_SHOWN ? `${line.slice(0, LINE_SHOWN)} …` : line)
  }
}
