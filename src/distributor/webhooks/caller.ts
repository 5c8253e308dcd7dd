/**
 * Makes the calls that are owed: a worker in the distributor, for the one queue that holds them.
 *
 *   delivered ──► its task is final? ──(wait)──► signed, posted ──► 2xx: done · 410: never again · else: once more, later
 *
 * Invariants: a call is settled after its answer, so a crash in between repeats it, with the same `webhook-id`; what is in hand and was not called goes back when
 * the distributor stops; the number in hand, and of calls at a time, is bounded.
 */

import { hostname } from 'node:os'
import type { Consumer, Delivery, Engine } from '../../engine/engine.ts'
import type { Clock, Timer } from '../../task/clock.ts'
import { newTaskId } from '../../task/ids.ts'
import { isFinal } from '../../task/lifecycle.ts'
import {
  WEBHOOK_BODY_LENGTH_MAX,
  WEBHOOK_CALLS_AT_A_TIME,
  WEBHOOK_LOOK_MS,
  WEBHOOK_RETRY_MAX_MS,
  WEBHOOK_RETRY_MIN_MS,
  WEBHOOKS_HELD_MAX,
} from '../../task/limits.ts'
import type { Outcome } from '../../task/outcome.ts'
import type { TaskRecord } from '../../task/task.ts'
import type { Log } from '../../telemetry/log.ts'
import type { Networks } from '../../wire/networks.ts'
import { writeRecord } from '../../wire/record-codec.ts'
import { writeTime } from '../../wire/time-codec.ts'
import { ReadLane } from '../read-lane.ts'
import { type OwedCall, WEBHOOK_QUEUE, WEBHOOK_TYPE } from './owed-calls.ts'
import { ForbiddenAddress, safePost } from './safe-call.ts'
import { signedHeaders } from './signature.ts'

export interface WebhookCallerOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly log: Log
  readonly secret: Buffer
  readonly allowed: Networks
  readonly leaseMs: number
}

interface Held {
  readonly epoch: number
  readonly given: AbortController
  readonly done: Promise<void>
}

/** Answers that will not change: the receiver is gone for good. */
const GONE = 410

export class WebhookCaller {
  readonly #options: WebhookCallerOptions
  readonly #held = new Map<string, Held>()
  readonly #lane = new ReadLane(WEBHOOK_CALLS_AT_A_TIME)
  #consumer: Consumer | null = null
  #renewal: Timer | null = null
  #closing = false

  private constructor(options: WebhookCallerOptions) {
    this.#options = options
  }

  static async open(options: WebhookCallerOptions): Promise<WebhookCaller> {
    const caller = new WebhookCaller(options)
    await caller.#consume()
    caller.#planRenewal()
    return caller
  }

  /** What is being called is finished until the deadline; the rest goes back. */
  async close(deadlineMs: number): Promise<void> {
    this.#closing = true
    this.#renewal?.cancel()
    await this.#consumer?.stop()
    const { clock } = this.#options
    const over = Promise.withResolvers<void>()
    const timer = clock.at(clock.nowMs() + deadlineMs, over.resolve)
    const held = [...this.#held.values()]
    for (const { given } of held) given.abort()
    await Promise.race([Promise.all(held.map(({ done }) => done)), over.promise])
    timer.cancel()
  }

  async #consume(): Promise<void> {
    const { engine, clock } = this.#options
    this.#consumer = await engine.consume(
      {
        queues: [WEBHOOK_QUEUE],
        types: [WEBHOOK_TYPE],
        slots: WEBHOOKS_HELD_MAX,
        prefetch: 1,
        worker: { id: `webhooks-${newTaskId(clock.nowMs())}`, pid: process.pid, host: hostname() },
      },
      {
        deliver: (deliveries) => {
          for (const delivery of deliveries) this.#take(delivery)
        },
        revoke: (leases) => {
          for (const { id } of leases) this.#held.get(id)?.given.abort()
        },
      },
    )
  }

  #take(delivery: Delivery): void {
    const given = new AbortController()
    const done = this.#work(delivery, given.signal)
      // A store that fails: the lease lapses, and the call is delivered again.
      .catch((error: unknown) =>
        this.#options.log.event('webhook.not-recorded', { call: delivery.id, reason: String(error) }),
      )
      .finally(() => this.#held.delete(delivery.id))
    this.#held.set(delivery.id, { epoch: delivery.epoch, given, done })
  }

  async #work(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { engine } = this.#options
    const { id, epoch, dataText } = delivery
    const call = JSON.parse(dataText) as OwedCall
    for (;;) {
      const [record] = await engine.wait([call.task], WEBHOOK_LOOK_MS, signal)
      if (signal.aborted) break
      if (record === null || record === undefined) {
        await engine.settle([{ id, epoch, kind: 'returned', valueText: '{"called":false}' }])
        return
      }
      if (!isFinal(record.state)) continue
      const outcome = await this.#lane.run(() => this.#call(delivery, call, record, signal))
      await engine.settle([{ ...outcome, id, epoch }])
      return
    }
    await engine.settle([{ id, epoch, kind: 'released' }])
  }

  async #call(
    { id, epoch, attempt }: Delivery,
    { task, url }: OwedCall,
    record: TaskRecord,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { clock, log, secret, allowed } = this.#options
    if (signal.aborted) return { id, epoch, kind: 'released' }
    const body = bodyOf(record)
    let reason: string
    let retryable = true
    try {
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'chasqui',
        ...signedHeaders(secret, id, clock.nowMs(), body),
      }
      // A call that was begun is not cut off by the end of the distributor: it has its own deadline.
      const status = await safePost({ url, headers, body, allowed, signal: new AbortController().signal })
      if (status >= 200 && status < 300) {
        return { id, epoch, kind: 'returned', valueText: `{"called":true,"status":${status}}` }
      }
      reason = `answered with status ${status}`
      retryable = status !== GONE
    } catch (error) {
      reason = (error as Error).message
      retryable = !(error instanceof ForbiddenAddress)
    }
    log.event('webhook.failed', { task, attempt, reason })
    const error = { name: 'WebhookFailed', message: reason }
    const retryAfterMs = Math.min(WEBHOOK_RETRY_MAX_MS, WEBHOOK_RETRY_MIN_MS * 2 ** (attempt - 1))
    return { id, epoch, kind: 'threw', error, retryable, retryAfterMs }
  }

  #planRenewal(): void {
    const { clock, engine, leaseMs } = this.#options
    this.#renewal = clock.at(clock.nowMs() + leaseMs / 3, () => {
      const leases = [...this.#held].map(([id, { epoch }]) => ({ id, epoch }))
      const renewed = leases.length === 0 ? Promise.resolve([]) : engine.extend(leases, this.#consumer?.id)
      renewed
        .then((answers) => {
          for (const { id, accepted } of answers) if (!accepted) this.#held.get(id)?.given.abort()
        })
        // The next one may go well; else the leases lapse, and that is what they are for.
        .catch(() => {})
        .finally(() => {
          if (!this.#closing) this.#planRenewal()
        })
    })
  }
}

/** The form that Standard Webhooks advises. A result that is too long is fetched by who wants it. */
function bodyOf(record: TaskRecord): string {
  const type = JSON.stringify(`task.${record.state}`)
  const timestamp = writeTime(record.finishedAtMs ?? record.createdAtMs)
  const whole = `{"type":${type},"timestamp":"${timestamp}","data":${writeRecord(record)}}`
  if (whole.length <= WEBHOOK_BODY_LENGTH_MAX) return whole
  const { resultText: _, ...rest } = record
  return `{"type":${type},"timestamp":"${timestamp}","resultOmitted":true,"data":${writeRecord(rest)}}`
}
