/**
 * Tells RabbitMQ of what waits. The outbox rows in the ledger remember what was not told yet: they are deleted with a later statement, after
 * the broker's confirm. So nothing is kept in memory for a broker that is down or takes nothing; when it does again, the rows are read again.
 *
 * Invariants: an outbox row goes only after all its waiting tasks are in confirmed hints, or wait no more; a lane that confirms nothing holds up
 * its own hints alone.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import {
  CLAIM_FLUSH_ROWS,
  FLUSH_MS,
  KEEPER_ROWS_MAX,
  OUTBOX_FLYING_MAX,
  OUTBOX_SHARE_BEATS,
  PUBLISH_PATIENCE_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
} from '../../task/limits.ts'
import { BrokerFailure, type BrokerListener, type Outgoing } from './broker/broker.ts'
import { type Core, runsAloneAsRow } from './core.ts'
import { hintsFor, type Waiting } from './hints.ts'
import type { Lane } from './lane.ts'
import { numbers } from './ledger/columns.ts'
import { DELETE_OUTBOX, PASS_OUTBOX, READ_OUTBOX } from './ledger/keeper-statements.ts'
import type { QuickHints } from './quick-hints.ts'

export class Publisher {
  readonly #core: Core
  readonly #declared = new Map<string, Promise<void>>()
  /** Queues that were there once, as this process knows. */
  readonly #made = new Set<string>()
  /** Queues that did not confirm or answer: perhaps they never will. */
  readonly #doubtful = new Set<string>()
  #preparing: Promise<void> | null = null
  readonly #published = new Map<string, number>()
  /** Confirmed: to be deleted. */
  #done: number[] = []
  /** Being published now. */
  readonly #flying = new Set<number>()
  #flushTimer: NodeJS.Timeout | null = null
  #recovering: Promise<void> | null = null
  /** Rows that the pass under way has passed over may have failed since. */
  #isRecoverDue = false
  /** Passes in a row that left something behind. */
  #failures = 0
  #again: NodeJS.Timeout | null = null
  #beatsWithout = 0
  /** Ends the wait of each send that is under way. */
  readonly #sends = new Set<(failure: BrokerFailure) => void>()
  readonly #missing: (queue: string) => void
  readonly #quick: QuickHints
  #closed = false

  /** @param missing told of queues that were there before and are not, or were made anew: their hints are lost */
  constructor(core: Core, quick: QuickHints, missing: (queue: string) => void) {
    this.#core = core
    this.#quick = quick
    this.#missing = missing
  }

  get inFlight(): number {
    return this.#flying.size + (this.#recovering === null ? 0 : 1)
  }

  /** How many hints this process has ever published to a lane. */
  publishedTo(lane: Lane): number {
    return this.#published.get(lane.amqpQueue) ?? 0
  }

  /** Outbox rows that the next statement deletes. If it fails, `undone` has to bring them back. */
  takeDone(): number[] {
    const done = this.#done
    this.#done = []
    return done
  }

  undone(rows: readonly number[]): void {
    this.#done.push(...rows)
  }

  /** Never rejects: what does not go now goes later, for its outbox row stays. */
  async publish(tasks: readonly Waiting[], outbox: number): Promise<void> {
    // `up` or `unblocked` reads the row.
    if (!this.#takes || this.#closed) return
    this.#flying.add(outbox)
    try {
      const quick = this.#quick.tell(tasks)
      await this.giveAway(quick === null ? tasks : await quick)
      this.#confirmed(outbox)
    } catch (error) {
      if (!(error instanceof BrokerFailure)) this.#core.onTrouble('broker-lost', error)
      this.#recoverSoon()
    } finally {
      this.#flying.delete(outbox)
    }
  }

  /** The same for who has other things to do as well: waits a moment, so as not to run ahead of the broker, and no longer. */
  publishSoon(tasks: readonly Waiting[], outbox: number): Promise<void> {
    return within(this.publish(tasks, outbox), PUBLISH_PATIENCE_MS)
  }

  /** For hints without an outbox row: whoever gives them away keeps them until this resolves. Rejects with BrokerFailure. */
  async giveAway(tasks: readonly Waiting[]): Promise<void> {
    if (tasks.length === 0) return
    if (!this.#takes) throw new BrokerFailure('refused', 'the broker takes no messages')
    const consumers = this.#core.ring.seats.length + this.#core.otherConsumers.length
    const messages = hintsFor(tasks, consumers)
    const queues = [...new Set(messages.map((message) => message.queue))]
    // Nearly always they are there already: then the hints of this turn leave in this turn. Otherwise nobody overtakes who waits for one.
    if (queues.some((queue) => this.#declared.get(queue) !== READY)) await this.#prepare(queues)
    else if (this.#preparing !== null) await within(this.#preparing, PUBLISH_PATIENCE_MS)
    try {
      await this.#confirms(messages)
      for (const { queue } of messages) this.#published.set(queue, (this.#published.get(queue) ?? 0) + 1)
    } catch (error) {
      if (error instanceof BrokerFailure && error.kind === 'unroutable' && error.queue !== null) {
        this.#declared.delete(error.queue)
      } else if (error instanceof BrokerFailure && error.isUnconfirmed) {
        for (const queue of queues) this.doubt(queue)
      }
      throw error
    }
  }

  get #takes(): boolean {
    const { broker } = this.#core
    return broker.isUp && !broker.isBlocked
  }

  #confirms(messages: readonly Outgoing[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#sends.add(reject)
      this.#core.broker
        .publish(messages)
        .then(resolve, reject)
        .finally(() => this.#sends.delete(reject))
    })
  }

  #prepare(queues: readonly string[]): Promise<void> {
    // A queue about which the broker does not answer must not keep the others.
    const before = this.#preparing === null ? READY : within(this.#preparing, PUBLISH_PATIENCE_MS)
    const declared = Promise.all(queues.map((queue) => this.declare(queue)))
    const prepared = before.then(async () => {
      await declared
    })
    const over = prepared.then(
      () => undefined,
      () => undefined,
    )
    this.#preparing = over
    // In a turn of its own: whoever waited for this goes first.
    void over.then(() =>
      setImmediate(() => {
        if (this.#preparing === over) this.#preparing = null
      }),
    )
    return prepared
  }

  declare(queue: string): Promise<void> {
    const known = this.#declared.get(queue)
    if (known !== undefined) return known
    const declaring = this.#declare(queue).then(
      () => {
        if (this.#declared.get(queue) === declaring) this.#declared.set(queue, READY)
      },
      (error) => {
        this.#declared.delete(queue)
        throw error
      },
    )
    this.#declared.set(queue, declaring)
    return declaring
  }

  /** One that was there before and is not now was deleted, or the broker was wiped; one that does not answer is given up: it holds only hints. */
  async #declare(queue: string): Promise<void> {
    const { broker } = this.#core
    const isDoubtful = this.#doubtful.has(queue)
    if (isDoubtful) await broker.renew(queue)
    const isMissing = this.#made.has(queue) && (await broker.look(queue)) === null
    await broker.declare(queue)
    this.#made.add(queue)
    this.#doubtful.delete(queue)
    if (isMissing || isDoubtful) this.#missing(queue)
  }

  /** Hints of these tasks are lost, for there was no way to give them away: they are made anew from the ledger. */
  lost(tasks: readonly Waiting[]): void {
    for (const queue of new Set(tasks.map(({ lane }) => lane.amqpQueue))) this.#missing(queue)
  }

  /** Somebody sees to its hints, and the queue may be gone. */
  forget(queue: string): void {
    this.#declared.delete(queue)
    this.#made.delete(queue)
  }

  /** It did not answer, or is gone: looked at closely before it is used again. */
  doubt(queue: string): void {
    this.#declared.delete(queue)
    this.#doubtful.add(queue)
  }

  /** The broker is there (again), perhaps with nothing of what it held. */
  brokerUp(): void {
    this.#declared.clear()
    void this.recover()
    void this.share()
  }

  /** While the broker takes nothing, which may last, nobody waits for its confirms: all is told again afterwards. */
  hear(event: Parameters<BrokerListener['trouble']>[0]): void {
    if (event === 'unblocked') void this.recover()
    if (event !== 'blocked') return
    for (const reject of this.#sends) reject(new BrokerFailure('refused', 'the broker takes no messages'))
  }

  /** With each sign of life: what this process has had no broker for, another one tells; and what others had none for, this one. */
  async share(): Promise<void> {
    const { broker, ledger, member } = this.#core
    if (broker.isUp) this.#beatsWithout = 0
    else this.#beatsWithout++
    try {
      if (this.#takes) {
        const [row] = await ledger.look.repeat<[number]>(PASS_OUTBOX, [NOBODY, member])
        if (row![0] > 0) void this.recover()
      } else if (this.#beatsWithout >= OUTBOX_SHARE_BEATS) {
        await ledger.look.repeat(PASS_OUTBOX, [member, NOBODY])
      }
    } catch {
      // With the next sign of life.
    }
  }

  /** Publishes what the outbox rows of this member say and nobody is publishing. */
  recover(): Promise<void> {
    if (this.#recovering !== null) this.#isRecoverDue = true
    this.#recovering ??= this.#recoverAll().finally(() => {
      this.#recovering = null
    })
    return this.#recovering
  }

  async #recoverAll(): Promise<void> {
    do {
      this.#isRecoverDue = false
      try {
        await this.#recover()
      } catch {
        // The database is down.
        this.#recoverSoon()
      }
    } while (this.#isRecoverDue && !this.#closed)
  }

  async #recover(): Promise<void> {
    for (let after = 0; !this.#closed && this.#takes; ) {
      const rows = await this.#core.ledger.look.repeat(READ_OUTBOX, [
        this.#core.member,
        after,
        KEEPER_ROWS_MAX,
      ])
      if (rows.length === 0) return
      const byOutbox = Map.groupBy(rows, (row) => row[0] as number)
      after = rows[rows.length - 1]![0] as number
      for (const outbox of this.#flying) byOutbox.delete(outbox)
      for (const outbox of this.#done) byOutbox.delete(outbox)
      const sends: Promise<void>[] = []
      for (const [outbox, tasks] of byOutbox) {
        const waiting: Waiting[] = []
        for (const [, seq, laneNo, runAtMs, crashes, options] of tasks) {
          const lane = laneNo === null ? undefined : this.#core.lanes.byNo(laneNo as number)
          if (lane === undefined) continue
          const alone = runsAloneAsRow(crashes as number, options as string | null)
          waiting.push({ seq: seq as number, lane, runAtMs: runAtMs as number, alone })
        }
        sends.push(this.publish(waiting, outbox))
      }
      await within(Promise.all(sends), PUBLISH_PATIENCE_MS)
      // Those that wait for a lane without confirms end by their deadline.
      while (this.#flying.size > OUTBOX_FLYING_MAX && !this.#closed) await sleep(PUBLISH_PATIENCE_MS)
    }
  }

  /** When the broker is down or blocked its `up` or `unblocked` comes; everything else is tried again, more and more seldom. */
  #recoverSoon(): void {
    if (this.#again !== null || this.#closed || !this.#takes) return
    const delayMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failures++, 20))
    this.#again = setTimeout(() => {
      this.#again = null
      void this.recover()
    }, delayMs)
  }

  #confirmed(outbox: number): void {
    this.#failures = 0
    this.#done.push(outbox)
    if (this.#done.length >= CLAIM_FLUSH_ROWS) void this.flush()
    else this.#flushTimer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref()
  }

  async flush(): Promise<void> {
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer)
    this.#flushTimer = null
    const done = this.takeDone()
    if (done.length === 0) return
    try {
      await this.#core.ledger.look.repeat(DELETE_OUTBOX, [numbers(done)])
    } catch {
      this.undone(done)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#again !== null) clearTimeout(this.#again)
    await this.flush()
  }

  abandon(): void {
    this.#closed = true
    if (this.#again !== null) clearTimeout(this.#again)
    if (this.#flushTimer !== null) clearTimeout(this.#flushTimer)
  }
}

const READY = Promise.resolve()
/** Whose outbox rows anybody may take who has a broker; members are numbered from 1. */
const NOBODY = 0

/** Resolves when the promise does, or after a while. */
async function within(promise: Promise<unknown>, timeoutMs: number): Promise<void> {
  const limit = Promise.withResolvers<void>()
  const timer = setTimeout(limit.resolve, timeoutMs)
  try {
    await Promise.race([promise, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}
