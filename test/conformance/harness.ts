/** What an engine must bring along to be put through the suite, and the hands with which the suite works it. */

import assert from 'node:assert/strict'
import type {
  ConsumeRequest,
  Consumer,
  Delivery,
  DeliverySink,
  Engine,
  ListQuery,
} from '../../src/engine/engine.ts'
import type { TaskState } from '../../src/task/lifecycle.ts'
import type { Lease, Outcome, TaskError } from '../../src/task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission, TaskRecord } from '../../src/task/task.ts'

/** Written out here and handed to every engine, so that the numbers in the tests are seen to follow from them. */
export const LEASE_MS = 10_000
export const GRACE_MS = 3_000
export const RETENTION_MS = 86_400_000
export const FAILED_RETENTION_MS = 3 * 86_400_000
/** Of the random numbers that jitter back-offs: the middle. */
export const RANDOM = 0.5
/** How each engine is opened, besides what is its own. */
export const SETTINGS = {
  random: () => RANDOM,
  leaseMs: LEASE_MS,
  reconnectGraceMs: GRACE_MS,
  retentionMs: RETENTION_MS,
  failedRetentionMs: FAILED_RETENTION_MS,
} as const

export interface Harness {
  readonly engine: Engine
  readonly clock: { nowMs(): number; advance(ms: number): Promise<void>; jump(ms: number): void }
  /** Durable engines: closes, lets `closedMs` pass, and opens the same store. */
  reopen?(closedMs: number): Promise<Engine>
  dispose(): Promise<void>
}

export interface EngineUnderTest {
  readonly durable: boolean
  /** What its receipts say when `disk` is asked for. */
  readonly durability: Durability
  /**
   * false: what is given back, or comes from several lanes at once, is delivered in nearly the order that the port names: the hints of waiting
   * tasks travel through a broker. Default true.
   */
  readonly ordered?: boolean
  /** Asks again by itself what is refused for now. */
  readonly persistent?: boolean
  /** Opens a new, empty store with the settings above. */
  open(): Promise<Harness>
}

const FACT_DEADLINE_MS = 15_000

/** Waits for a fact, in real time and with a deadline. */
export async function until(what: string, fact: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + FACT_DEADLINE_MS
  for (let look = 0; !(await fact()); look++) {
    if (Date.now() > deadline) assert.fail(`did not happen: ${what}`)
    await new Promise<void>((resolve) => (look < 100 ? setImmediate(resolve) : setTimeout(resolve, 2)))
  }
}

/** One test's engine and what is done with it again and again. */
export class Stage {
  readonly under: EngineUnderTest
  readonly #harness: Harness
  #engine: Engine
  #hands = 0

  constructor(under: EngineUnderTest, harness: Harness) {
    this.under = under
    this.#harness = harness
    this.#engine = harness.engine
  }

  get engine(): Engine {
    return this.#engine
  }

  get nowMs(): number {
    return this.#harness.clock.nowMs()
  }

  async advance(ms: number): Promise<void> {
    await this.#harness.clock.advance(ms)
    await this.quiet()
  }

  /** The clock is set to another time, and nobody is told: timers notice when they look. */
  async jump(ms: number): Promise<void> {
    this.#harness.clock.jump(ms)
    await this.quiet()
  }

  /** Lets everything that was caused so far arrive: turns of the loop, and a round trip behind what is on its way. */
  async quiet(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.#harness.clock.advance(0)
      await this.#engine.get([])
    }
  }

  async reopen(closedMs = 0): Promise<void> {
    this.#engine = await this.#harness.reopen!(closedMs)
  }

  async submit(...tasks: Partial<Submission>[]): Promise<readonly (Receipt | Refusal)[]> {
    return this.engine.submit(tasks.map(task), 'disk')
  }

  async states(...ids: string[]): Promise<(TaskState | null)[]> {
    return (await this.engine.get(ids)).map((record) => record?.state ?? null)
  }

  async record(id: string): Promise<TaskRecord> {
    const [record] = await this.engine.get([id])
    assert.ok(record, `task ${id} is known`)
    return record
  }

  /** All pages of a list. */
  async list(query: Partial<ListQuery> = {}): Promise<string[]> {
    const ids: string[] = []
    let cursor: string | null = null
    do {
      const page = await this.engine.list({ limit: 100, ...query, ...(cursor !== null && { cursor }) })
      ids.push(...page.tasks.map((record) => record.id))
      cursor = page.cursor
    } while (cursor !== null)
    return ids
  }

  async consume(request: Partial<ConsumeRequest> = {}): Promise<Hands> {
    const name = `w${++this.#hands}`
    const hands = new Hands(name)
    const full = { queues: ['default'], types: null, slots: 1, prefetch: 1, worker: hands.worker, ...request }
    hands.consumer = await this.engine.consume(full, hands)
    return hands
  }

  /** Submits a task and takes it into hands of its own. */
  async running(
    over: Partial<Submission>,
    request: Partial<ConsumeRequest> = {},
  ): Promise<[Hands, Delivery]> {
    const hands = await this.consume(request)
    await this.submit(over)
    return [hands, await hands.next()]
  }
}

/** A worker that only holds out its hands: what it is given stays until the test settles it. */
export class Hands implements DeliverySink {
  readonly worker: { id: string; pid: number; host: string }
  readonly deliveries: Delivery[] = []
  /** How many deliveries each call of the sink brought. */
  readonly calls: number[] = []
  readonly revoked: Lease[] = []
  consumer!: Consumer
  #seen = 0

  constructor(name: string) {
    this.worker = { id: name, pid: 4711, host: 'test' }
  }

  get ids(): string[] {
    return this.deliveries.map((delivery) => delivery.id)
  }

  deliver(deliveries: readonly Delivery[]): void {
    this.calls.push(deliveries.length)
    this.deliveries.push(...deliveries)
  }

  revoke(leases: readonly Lease[]): void {
    this.revoked.push(...leases.map(({ id, epoch }) => ({ id, epoch })))
  }

  /** The delivery after the one that `next` gave last, as soon as it is there. */
  async next(): Promise<Delivery> {
    const at = this.#seen++
    await until(`delivery ${at + 1} to ${this.worker.id}`, () => this.deliveries.length > at)
    return this.deliveries[at]!
  }

  async take(count: number): Promise<Delivery[]> {
    const taken: Delivery[] = []
    while (taken.length < count) taken.push(await this.next())
    return taken
  }
}

export function task(over: Partial<Submission> = {}): Submission {
  return {
    id: 'a',
    type: 'sumar',
    queue: 'default',
    dataText: '[5,7]',
    priority: 4,
    runAtMs: 0,
    options: null,
    ...over,
  }
}

export function tasks(count: number, over: (index: number) => Partial<Submission>): Submission[] {
  return Array.from({ length: count }, (_, index) => task({ id: `t${index}`, ...over(index) }))
}

export function idsOf(answers: readonly ({ id: string } | null)[]): (string | null)[] {
  return answers.map((answer) => answer?.id ?? null)
}

/** That these were delivered, each once, and in this order where the engine keeps it strictly. */
export function assertDelivered(stage: Stage, ids: readonly string[], expected: readonly string[]): void {
  if (stage.under.ordered === false) assert.deepEqual([...ids].sort(), [...expected].sort())
  else assert.deepEqual(ids, expected)
}

export const BOOM: TaskError = { name: 'Error', message: 'boom' }

export function returned({ id, epoch }: Lease, valueText = '12'): Outcome {
  return { id, epoch, kind: 'returned', valueText }
}

export function threw(
  { id, epoch }: Lease,
  over: { retryable?: boolean; retryAfterMs?: number } = {},
): Outcome {
  return { id, epoch, kind: 'threw', error: BOOM, retryable: true, ...over }
}

export function timedOut({ id, epoch }: Lease): Outcome {
  return { id, epoch, kind: 'timedOut', error: { name: 'TimeoutError', message: 'took longer than 5 ms' } }
}

export function crashed({ id, epoch }: Lease): Outcome {
  return { id, epoch, kind: 'crashed', error: { name: 'ThreadDied', message: 'out of memory' } }
}

export function released({ id, epoch }: Lease): Outcome {
  return { id, epoch, kind: 'released' }
}

/** Attempts follow each other at once. */
export const AT_ONCE = { kind: 'fixed', delayMs: 0 } as const
