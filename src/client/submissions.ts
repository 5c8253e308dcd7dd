/**
 * Submissions on their way to their confirmation. What is submitted in one tick goes in one call to the engine, a few calls are under way
 * at a time, the rest waits its turn in order.
 *
 *   submit ──► waiting ──tick──► frame under way ──receipts──► confirmed, or refused
 *
 * Made for hundreds of tasks in flight at a few microseconds each: one object a task, one promise a frame, one timer for all
 * deadlines. Invariants: every submission is settled exactly once, by its deadline at the latest; what waits is bounded.
 */

import type { Engine } from '../engine/engine.ts'
import type { Clock, Timer } from '../task/clock.ts'
import { ChasquiError } from '../task/errors.ts'
import { CLIENT_FRAME_LENGTH_MAX, CLIENT_FRAME_TASKS_MAX, CLIENT_FRAMES_MAX } from '../task/limits.ts'
import type { Durability, Receipt, Submission } from '../task/task.ts'
import { errorOfRefusal } from '../wire/receipt-codec.ts'

export interface SubmissionsOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly pendingTasksMax: number
  readonly pendingBytesMax: number
  readonly confirmTimeoutMs: number
}

/** Who submitted. Exactly one of the two is called, once. */
export interface Submitter {
  confirm(receipt: Receipt): void
  fail(error: unknown): void
}

interface Entry {
  readonly submission: Submission
  readonly durability: Durability
  readonly deadlineMs: number
  /** null once it was told. */
  submitter: Submitter | null
}

/** Characters that a task takes besides its data, about. */
const OVERHEAD_LENGTH = 200

export class Submissions {
  readonly #options: SubmissionsOptions
  #waiting: Entry[] = []
  /** Of `#waiting`: those before it have left. */
  #head = 0
  readonly #frames = new Set<readonly Entry[]>()
  #tasks = 0
  #length = 0
  #flushPlanned = false
  #sweep: Timer | null = null
  #whenRoom: (() => void)[] = []
  #whenIdle: (() => void)[] = []

  constructor(options: SubmissionsOptions) {
    this.#options = options
  }

  /** Not confirmed yet. */
  get size(): number {
    return this.#tasks
  }

  /** @throws ChasquiError BUFFER_FULL */
  add(submission: Submission, durability: Durability, submitter: Submitter): void {
    const { pendingTasksMax, pendingBytesMax, clock, confirmTimeoutMs } = this.#options
    if (this.#tasks >= pendingTasksMax || this.#length >= pendingBytesMax) {
      throw new ChasquiError('BUFFER_FULL', `${this.#tasks} submissions wait for their confirmation`)
    }
    this.#tasks++
    this.#length += OVERHEAD_LENGTH + submission.dataText.length
    const deadlineMs = clock.nowMs() + confirmTimeoutMs
    this.#waiting.push({ submission, durability, deadlineMs, submitter })
    this.#sweep ??= clock.at(deadlineMs, this.#sweepDeadlines)
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    // After the promises of this tick: continuations of one reply submit together.
    process.nextTick(this.#flushTick)
  }

  /** Resolves when half of what may wait is free. */
  room(): Promise<void> {
    if (this.#hasRoom) return Promise.resolve()
    return new Promise((resolve) => this.#whenRoom.push(resolve))
  }

  /** Resolves when everything is told. */
  idle(): Promise<void> {
    return this.#tasks === 0 ? Promise.resolve() : new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /** Gives up what is not confirmed. */
  abandon(error: ChasquiError): void {
    for (const entry of this.#entries()) tell(entry, null, error)
    this.#sweep?.cancel()
  }

  get #hasRoom(): boolean {
    const { pendingTasksMax, pendingBytesMax } = this.#options
    return this.#tasks <= pendingTasksMax / 2 && this.#length <= pendingBytesMax / 2
  }

  readonly #flushTick = (): void => {
    this.#flushPlanned = false
    this.#flush()
  }

  #flush(): void {
    while (this.#head < this.#waiting.length && this.#frames.size < CLIENT_FRAMES_MAX) {
      const frame = this.#nextFrame()
      if (frame.length > 0) this.#send(frame)
    }
  }

  /** The next entries that can go together; empty when all that were left have timed out. */
  #nextFrame(): Entry[] {
    const frame: Entry[] = []
    const waiting = this.#waiting
    let length = 0
    let at = this.#head
    for (; at < waiting.length && frame.length < CLIENT_FRAME_TASKS_MAX; at++) {
      const entry = waiting[at]!
      if (entry.submitter === null) {
        this.#leave(entry)
        continue
      }
      length += entry.submission.dataText.length
      const first = frame[0] ?? entry
      const fits = frame.length === 0 || length <= CLIENT_FRAME_LENGTH_MAX
      if (!fits || entry.durability !== first.durability) break
      frame.push(entry)
    }
    this.#head = at
    if (at === waiting.length) {
      this.#waiting = []
      this.#head = 0
    }
    return frame
  }

  #send(frame: readonly Entry[]): void {
    this.#frames.add(frame)
    const batch = frame.map((entry) => entry.submission)
    this.#options.engine.submit(batch, frame[0]!.durability).then(
      (answers) => {
        for (let at = 0; at < frame.length; at++) {
          const answer = answers[at]!
          if (!('refused' in answer)) tell(frame[at]!, answer, null)
          else tell(frame[at]!, null, errorOfRefusal(answer))
        }
        this.#finish(frame)
      },
      (error: unknown) => {
        for (const entry of frame) tell(entry, null, error)
        this.#finish(frame)
      },
    )
  }

  #finish(frame: readonly Entry[]): void {
    this.#frames.delete(frame)
    for (const entry of frame) this.#leave(entry)
    if (this.#head < this.#waiting.length) this.#flush()
    if (this.#whenRoom.length > 0 && this.#hasRoom) for (const resolve of this.#whenRoom.splice(0)) resolve()
    if (this.#tasks === 0) for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  #leave({ submission }: Entry): void {
    this.#tasks--
    this.#length -= OVERHEAD_LENGTH + submission.dataText.length
  }

  *#entries(): Generator<Entry> {
    for (const frame of this.#frames) yield* frame
    for (let at = this.#head; at < this.#waiting.length; at++) yield this.#waiting[at]!
  }

  /** They stay counted until the engine lets go of them: what is held is bounded, not what is waited for. */
  readonly #sweepDeadlines = (): void => {
    const { clock, confirmTimeoutMs } = this.#options
    const nowMs = clock.nowMs()
    let nextMs = Number.POSITIVE_INFINITY
    for (const entry of this.#entries()) {
      if (entry.submitter === null) continue
      if (entry.deadlineMs > nowMs) nextMs = Math.min(nextMs, entry.deadlineMs)
      else {
        const message = `the task was not confirmed within ${confirmTimeoutMs} ms`
        tell(entry, null, new ChasquiError('TIMEOUT', message, { details: { id: entry.submission.id } }))
      }
    }
    this.#sweep = nextMs < Number.POSITIVE_INFINITY ? clock.at(nextMs, this.#sweepDeadlines) : null
  }
}

function tell(entry: Entry, receipt: Receipt | null, error: unknown): void {
  const { submitter } = entry
  if (submitter === null) return
  entry.submitter = null
  if (receipt !== null) submitter.confirm(receipt)
  else submitter.fail(error)
}
