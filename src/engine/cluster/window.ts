/** What is known to wait in one lane and was not claimed: the tasks of the hints that this process holds, the longest due first. */

import type { ReadyLine } from '../seat-ring.ts'
import type { Incoming } from './broker/broker.ts'
import type { Lane } from './lane.ts'

/** One message, until its last task is done. */
export interface Parcel {
  readonly message: Incoming
  /** Tasks of it that are not done. */
  open: number
  /** Its channel ended: it comes again. */
  void: boolean
  /** Those of its lane that are open. */
  readonly all: Set<Parcel>
}

export interface Entry {
  readonly seq: number
  readonly priority: number
  readonly runAtMs: number
  readonly alone: boolean
  readonly lane: Lane
  readonly parcel: Parcel
}

export class Window implements ReadyLine<Entry> {
  readonly lane: Lane
  isPaused = false
  #items: Entry[] = []
  #head = 0

  constructor(lane: Lane) {
    this.lane = lane
  }

  get size(): number {
    return this.#items.length - this.#head
  }

  add(entry: Entry): void {
    const last = this.#items[this.#items.length - 1]
    if (last === undefined || isBefore(last, entry)) {
      this.#items.push(entry)
      return
    }
    // Nearly always one comes after the other; what was given back belongs further to the front.
    let low = this.#head
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(this.#items[middle]!, entry)) low = middle + 1
      else high = middle
    }
    this.#items.splice(low, 0, entry)
  }

  first(): Entry | null {
    while (this.#head < this.#items.length) {
      const entry = this.#items[this.#head]!
      if (!entry.parcel.void) return entry
      this.#shift()
    }
    return null
  }

  firstSociable(): Entry | null {
    for (let at = this.#head; at < this.#items.length; at++) {
      const entry = this.#items[at]!
      if (!entry.parcel.void && !entry.alone) return entry
    }
    return null
  }

  take(entry: Entry): void {
    if (this.#items[this.#head] === entry) {
      this.#shift()
      return
    }
    const at = this.#items.indexOf(entry, this.#head)
    if (at >= 0) this.#items.splice(at, 1)
  }

  /** It waits no more, as somebody knows for certain. There may be two hints of it. */
  drop(seq: number): void {
    for (let at = this.#items.length - 1; at >= this.#head; at--) {
      const entry = this.#items[at]!
      if (entry.seq !== seq) continue
      this.take(entry)
      resolveEntry(entry)
    }
  }

  /** Takes everything out. */
  drain(): Entry[] {
    const entries = this.#items.slice(this.#head).filter((entry) => !entry.parcel.void)
    this.#items = []
    this.#head = 0
    return entries
  }

  #shift(): void {
    this.#items[this.#head] = undefined as unknown as Entry
    this.#head++
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head >= 1_024) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }
}

/** A task that came back to the queue right here: known before its hint has been to the broker and back. */
export function localEntry(task: { seq: number; lane: Lane; runAtMs: number; alone: boolean }): Entry {
  const nothing = () => undefined
  const message = { body: Buffer.alloc(0), contentType: undefined, messageId: undefined, redelivered: false }
  const parcel: Parcel = {
    message: { ...message, done: nothing, back: nothing },
    open: 1,
    void: false,
    all: new Set(),
  }
  return { ...task, priority: task.lane.priority, parcel }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.runAtMs < b.runAtMs || (a.runAtMs === b.runAtMs && a.seq < b.seq)
}

/** A task of a parcel is done, or nothing to be done about. */
export function resolveEntry({ parcel }: Entry): void {
  if (--parcel.open > 0) return
  parcel.all.delete(parcel)
  if (!parcel.void) parcel.message.done()
}
