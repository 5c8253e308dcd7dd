/**
 * The ready tasks: one lane for each queue, type and priority, with a window of them in memory and the rest on disk.
 *
 * Lanes by type, because a task whose type no worker knows must not stand in the way of the others.
 *
 * Invariant: with `cursor` the largest place that a lane has seen, its window holds exactly the ready, unleased tasks at or
 * before the cursor; those after it are on disk only (`complete`: there are none).
 */

import { PRIORITY_MAX, WINDOW_TASKS_MAX } from '../../task/limits.ts'
import { mustRunAlone } from '../budget.ts'
import type { Entry } from './entry.ts'

/** Reads the next ready tasks after a place; leased ones left out. Fewer than `limit` rows read means the end: `end`. */
export type Refill = (
  queueNo: number,
  typeNo: number,
  priority: number,
  afterRunAtMs: number,
  afterSeq: number,
  limit: number,
) => { entries: Entry[]; lastRunAtMs: number; lastSeq: number; end: boolean }

const BEFORE_ALL = -1

class Lane {
  #items: Entry[] = []
  #head = 0
  /** A new store's lanes are complete; a reopened one's have everything on disk. */
  #complete: boolean
  #cursorRunAtMs = BEFORE_ALL
  #cursorSeq = BEFORE_ALL
  readonly #refill: (afterRunAtMs: number, afterSeq: number) => ReturnType<Refill>

  constructor(complete: boolean, refill: (afterRunAtMs: number, afterSeq: number) => ReturnType<Refill>) {
    this.#complete = complete
    this.#refill = refill
  }

  /** @returns whether the task is in the window now; false: it waits on disk, where it already is. */
  add(entry: Entry): boolean {
    const items = this.#items
    const size = items.length - this.#head
    const atEnd = !isBefore(entry, this.#cursorRunAtMs, this.#cursorSeq)
    if (atEnd) {
      if (!this.#complete) return false
      if (size >= WINDOW_TASKS_MAX) {
        // The task may be the one at the cursor, given back: what is read next begins after the window.
        this.#endAtWindow()
        return false
      }
      items.push(entry)
      this.#cursorRunAtMs = entry.runAtMs
      this.#cursorSeq = entry.seq
      return true
    }
    let low = this.#head
    let high = items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isBefore(items[middle]!, entry.runAtMs, entry.seq)) low = middle + 1
      else high = middle
    }
    items.splice(low, 0, entry)
    if (size >= 2 * WINDOW_TASKS_MAX) this.#shrink()
    return true
  }

  /** Lets the far half go back to disk: a flood before the cursor must not grow the window. */
  #shrink(): void {
    this.#items = this.#items.slice(this.#head, this.#head + WINDOW_TASKS_MAX)
    this.#head = 0
    this.#endAtWindow()
  }

  /** What comes after the window is on disk only. */
  #endAtWindow(): void {
    const last = this.#items[this.#items.length - 1]!
    this.#cursorRunAtMs = last.runAtMs
    this.#cursorSeq = last.seq
    this.#complete = false
  }

  first(): Entry | null {
    for (;;) {
      if (this.#head < this.#items.length) return this.#items[this.#head]!
      if (this.#complete) return null
      this.#items = []
      this.#head = 0
      const page = this.#refill(this.#cursorRunAtMs, this.#cursorSeq)
      this.#items = page.entries
      this.#complete = page.end
      if (page.lastSeq !== BEFORE_ALL) {
        this.#cursorRunAtMs = page.lastRunAtMs
        this.#cursorSeq = page.lastSeq
      }
    }
  }

  /** The first that may run beside others, as far as the window shows. */
  firstSociable(): Entry | null {
    const first = this.first()
    if (first === null || !mustRunAlone(first)) return first
    for (let at = this.#head + 1; at < this.#items.length; at++) {
      if (!mustRunAlone(this.#items[at]!)) return this.#items[at]!
    }
    return null
  }

  /** Takes out what `first` or `firstSociable` gave. */
  take(entry: Entry): void {
    if (this.#items[this.#head] === entry) this.#shift()
    else this.remove(entry.seq)
  }

  #shift(): void {
    this.#items[this.#head] = undefined as unknown as Entry
    this.#head++
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head >= WINDOW_TASKS_MAX) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }

  /** Takes a task out of the window (it was cancelled or expired); nothing when it is on disk only. */
  remove(seq: number): void {
    const at = this.#items.findIndex((item, index) => index >= this.#head && item.seq === seq)
    if (at >= 0) this.#items.splice(at, 1)
  }
}

function isBefore(entry: Entry, runAtMs: number, seq: number): boolean {
  return entry.runAtMs < runAtMs || (entry.runAtMs === runAtMs && entry.seq < seq)
}

/** The lanes of one queue and type, by priority; a bit set of those that may have something finds the highest at once. */
export class Line {
  readonly queueNo: number
  readonly typeNo: number
  /** Its queue delivers nothing. */
  isPaused = false
  readonly #lanes: (Lane | null)[] = new Array(PRIORITY_MAX + 1).fill(null)
  readonly #createLane: (priority: number) => Lane
  #maybe = 0

  constructor(queueNo: number, typeNo: number, refill: Refill, complete: boolean) {
    this.queueNo = queueNo
    this.typeNo = typeNo
    this.#createLane = (priority) =>
      new Lane(complete, (afterRunAtMs, afterSeq) =>
        refill(queueNo, typeNo, priority, afterRunAtMs, afterSeq, WINDOW_TASKS_MAX),
      )
    if (!complete) for (let priority = 0; priority <= PRIORITY_MAX; priority++) this.#laneOf(priority)
  }

  #laneOf(priority: number): Lane {
    let lane = this.#lanes[priority]
    if (lane == null) {
      lane = this.#createLane(priority)
      this.#lanes[priority] = lane
      this.#maybe |= 1 << priority
    }
    return lane
  }

  add(entry: Entry): boolean {
    const lane = this.#laneOf(entry.priority)
    this.#maybe |= 1 << entry.priority
    return lane.add(entry)
  }

  first(): Entry | null {
    while (this.#maybe !== 0) {
      const priority = 31 - Math.clz32(this.#maybe)
      const entry = this.#lanes[priority]!.first()
      if (entry !== null) return entry
      this.#maybe &= ~(1 << priority)
    }
    return null
  }

  firstSociable(): Entry | null {
    for (let left = this.#maybe; left !== 0; ) {
      const priority = 31 - Math.clz32(left)
      const entry = this.#lanes[priority]!.firstSociable()
      if (entry !== null) return entry
      left &= ~(1 << priority)
    }
    return null
  }

  /** When its longest due task became due; null when it is empty. Looks at the windows' heads only. */
  oldest(): number | null {
    let oldest: number | null = null
    for (let priority = 0; priority <= PRIORITY_MAX; priority++) {
      const entry = (this.#maybe & (1 << priority)) === 0 ? null : this.#lanes[priority]!.first()
      if (entry !== null && (oldest === null || entry.runAtMs < oldest)) oldest = entry.runAtMs
    }
    return oldest
  }

  take(entry: Entry): void {
    this.#lanes[entry.priority]!.take(entry)
  }

  remove(priority: number, seq: number): void {
    this.#lanes[priority]?.remove(seq)
  }
}

/** All lines, found by queue and type. */
export class Lines {
  readonly #byQueue = new Map<number, Map<number, Line>>()
  readonly #refill: Refill
  readonly #onNew: (line: Line) => void
  readonly all: Line[] = []

  constructor(refill: Refill, onNew: (line: Line) => void) {
    this.#refill = refill
    this.#onNew = onNew
  }

  /** `complete`: known to have nothing on disk. */
  of(queueNo: number, typeNo: number, complete = true): Line {
    let byType = this.#byQueue.get(queueNo)
    if (byType === undefined) {
      byType = new Map()
      this.#byQueue.set(queueNo, byType)
    }
    let line = byType.get(typeNo)
    if (line === undefined) {
      line = new Line(queueNo, typeNo, this.#refill, complete)
      byType.set(typeNo, line)
      this.all.push(line)
      this.#onNew(line)
    }
    return line
  }

  /** Forgets all lines, also their numbers. */
  clear(): void {
    this.#byQueue.clear()
    this.all.length = 0
  }
}
