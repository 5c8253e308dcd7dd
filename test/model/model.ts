/**
 * What the engine should be doing, in as few words as possible: states, budgets, leases and credit, in plain data. No queues, no
 * turns, no texts: the driver says what was asked and what was delivered, the model says what must follow.
 *
 * Time-outs of leases may be noticed a little late, so the model holds a lapse to be possible from its time on and certain `NOTICE_MS`
 * after it; the driver never asks anything in between.
 */

import { ok } from 'node:assert/strict'
import type { ConsumeRequest, Delivery } from '../../src/engine/engine.ts'
import { isFinal, type TaskState } from '../../src/task/lifecycle.ts'
import type { Lease, Outcome } from '../../src/task/outcome.ts'
import type { Submission } from '../../src/task/task.ts'
import { contentOf, createTask, type ModelTask, runsAlone } from './model-task.ts'
import { GRACE_MS, LEASE_MS, NOTICE_MS } from './settings.ts'

export class Model {
  nowMs = 0
  readonly tasks = new Map<string, ModelTask>()
  readonly consumers = new Map<string, ConsumeRequest>()
  readonly holders = new Map<string, { id: string; seq: number; untilMs: number }>()
  /** Cancelled deliveries that still occupy their consumers. */
  ghosts: { id: string; epoch: number; untilMs: number; by: string | null }[] = []
  seq = 0
  /** Consumers that hold a task that runs alone, until they hold nothing. */
  readonly solitary = new Set<string>()
  /** Queues that deliver nothing. */
  paused = new Set<string>()
  certainAtMs = 0

  clone(): Model {
    return Object.assign(new Model(), structuredClone({ ...this }))
  }

  /** @returns the id that answers, and whether it is new; null: conflict */
  submit(submission: Submission): { id: string; duplicate: boolean } | null {
    const { id, options, queue } = submission
    const known = this.tasks.get(id)
    if (known !== undefined) {
      return contentOf(known.submission) === contentOf(submission) ? { id, duplicate: true } : null
    }
    const key = options?.dedupeKey === undefined ? null : `${queue} ${options.dedupeKey}`
    const holder = key === null ? undefined : this.holders.get(key)
    const isKept = holder !== undefined && this.tasks.get(holder.id)?.seq === holder.seq
    if (isKept && holder.untilMs > this.nowMs) return { id: holder.id, duplicate: true }
    const seq = ++this.seq
    if (key !== null) this.holders.set(key, { id, seq, untilMs: this.nowMs + options!.dedupeWindowMs! })
    const task = createTask(submission, seq, this.nowMs)
    this.tasks.set(id, task)
    this.#look(task)
    return { id, duplicate: false }
  }

  /** What time alone does up to `nowMs`. */
  pass(nowMs: number): void {
    this.nowMs = nowMs
    this.ghosts = this.ghosts.filter((ghost) => ghost.untilMs > nowMs || this.#ended(ghost.untilMs))
    for (const task of this.tasks.values()) {
      this.#lapse(task)
      this.#look(task)
    }
  }

  /** Whether the engine may or may not have noticed by now that a lease ended. */
  get inDoubt(): boolean {
    return this.nowMs < this.certainAtMs
  }

  deliver(to: string, delivery: Delivery): void {
    const task = this.tasks.get(delivery.id)
    ok(task, 'only tasks that exist are delivered')
    this.#lapse(task)
    this.#look(task)
    ok(task.state === 'queued', `only queued tasks are delivered, not ${task.state} ones`)
    ok(delivery.epoch > task.epoch, 'epochs of a task grow')
    ok(delivery.attempt === task.failures + 1, 'the attempt is one more than the failures')
    ok(this.suits(to, task), 'consumers get their own queues and types, and nothing of paused queues')
    ok(!this.isSolitary(to) && (this.held(to) === 0 || !runsAlone(task)), 'a last chance is had alone')
    if (runsAlone(task)) this.solitary.add(to)
    task.state = 'running'
    task.epoch = delivery.epoch
    task.attempt = delivery.attempt
    task.held = { untilMs: this.nowMs + LEASE_MS, by: to }
  }

  /** @returns whether it must be accepted */
  settle(outcome: Outcome): boolean {
    this.ghosts = this.ghosts.filter((ghost) => ghost.id !== outcome.id || ghost.epoch !== outcome.epoch)
    const task = this.tasks.get(outcome.id)
    if (task === undefined) return false
    if (task.held === null || task.epoch !== outcome.epoch) return task.finalEpoch === outcome.epoch
    const { options } = task.submission
    switch (outcome.kind) {
      case 'returned':
        task.resultText = outcome.valueText
        this.#finish(task, 'succeeded', outcome.epoch)
        break
      case 'crashed':
        this.#crash(task)
        if (task.state === 'failed') task.finalEpoch = outcome.epoch
        break
      case 'released':
        this.#requeue(task)
        break
      default: {
        task.failures++
        const retryable = outcome.kind === 'timedOut' || outcome.retryable
        if (!retryable || task.failures >= options!.maxAttempts!) this.#finish(task, 'failed', outcome.epoch)
        else {
          const delayMs = options!.backoff!.kind === 'fixed' ? options!.backoff!.delayMs : 0
          task.runAtMs = this.nowMs + delayMs
          this.#requeue(task)
          task.state = delayMs > 0 ? 'scheduled' : 'queued'
        }
      }
    }
    return true
  }

  /** @returns whether it must be changed; null: unknown */
  cancel(id: string): boolean | null {
    const task = this.tasks.get(id)
    if (task === undefined) return null
    if (isFinal(task.state)) return false
    if (task.held !== null) this.ghosts.push({ id, epoch: task.epoch, ...task.held })
    this.#finish(task, 'canceled', null)
    return true
  }

  retry(id: string): boolean | null {
    const task = this.tasks.get(id)
    if (task === undefined) return null
    if (!isFinal(task.state) || task.state === 'succeeded') return false
    Object.assign(task, { state: 'queued', runAtMs: this.nowMs, expiresAtMs: null, failures: 0, crashes: 0 })
    Object.assign(task, { attempt: 0, finalEpoch: null, finishedAtMs: null })
    return true
  }

  extend(lease: Lease, by: string | null): boolean {
    const task = this.tasks.get(lease.id)
    if (task === undefined || task.held === null || task.epoch !== lease.epoch) return false
    if (by !== null && by !== task.held.by && runsAlone(task)) this.solitary.add(by)
    task.held = { untilMs: this.nowMs + LEASE_MS, by: by ?? task.held.by }
    return true
  }

  stop(name: string, lost: boolean): void {
    this.consumers.delete(name)
    for (const { held } of this.tasks.values()) {
      if (lost && held?.by === name) held.untilMs = Math.min(held.untilMs, this.nowMs + GRACE_MS)
    }
  }

  /** All consumers are gone with their engine; what ran may be taken up again. */
  reopen(): void {
    this.consumers.clear()
    this.ghosts = []
    for (const task of this.tasks.values()) {
      if (task.held !== null) task.held = { untilMs: this.nowMs + LEASE_MS, by: null }
    }
  }

  /** Deliveries that occupy a consumer. */
  held(name: string): number {
    const leases = [...this.tasks.values()].filter((task) => task.held?.by === name)
    return leases.length + this.ghosts.filter((ghost) => ghost.by === name).length
  }

  isSolitary(name: string): boolean {
    if (this.held(name) === 0) this.solitary.delete(name)
    return this.solitary.has(name)
  }

  hasCredit(name: string): boolean {
    const { slots, prefetch } = this.consumers.get(name)!
    return this.held(name) < slots * prefetch
  }

  suits(name: string, { submission }: ModelTask): boolean {
    const request = this.consumers.get(name)
    ok(request, 'only consumers that take tasks get some')
    if (this.paused.has(submission.queue)) return false
    return request.queues.includes(submission.queue) && (request.types?.includes(submission.type) ?? true)
  }

  /** Due, or expired, by now. */
  #look(task: ModelTask): void {
    const waits = task.state === 'queued' || task.state === 'scheduled'
    const unstarted = task.failures === 0 && task.crashes === 0
    if (waits && unstarted && task.expiresAtMs !== null && task.expiresAtMs <= this.nowMs) {
      this.#finish(task, 'expired', null)
      task.finishedAtMs = Math.max(task.createdAtMs, task.expiresAtMs)
    } else if (task.state === 'scheduled' && task.runAtMs <= this.nowMs) task.state = 'queued'
  }

  #lapse(task: ModelTask): void {
    if (task.held === null || task.held.untilMs > this.nowMs) return
    const { untilMs } = task.held
    this.#ended(untilMs)
    this.#crash(task)
    if (task.finishedAtMs !== null) task.finishedAtMs = untilMs
  }

  #ended(untilMs: number): false {
    this.certainAtMs = Math.max(this.certainAtMs, untilMs + NOTICE_MS)
    return false
  }

  #crash(task: ModelTask): void {
    task.crashes++
    if (task.crashes > task.submission.options!.maxCrashes!) this.#finish(task, 'failed', null)
    else this.#requeue(task)
  }

  #requeue(task: ModelTask): void {
    task.held = null
    task.state = 'queued'
    task.attempt = task.failures
    this.#look(task)
  }

  #finish(task: ModelTask, state: TaskState, epoch: number | null): void {
    Object.assign(task, { state, held: null, finalEpoch: epoch, finishedAtMs: this.nowMs })
  }
}
