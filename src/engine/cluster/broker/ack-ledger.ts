/**
 * Which deliveries of a consuming channel are settled, and with how few acks that is said. Pure: it sees delivery tags, nothing else.
 *
 * The broker numbers what it delivers on a channel from 1. Of what is settled in one turn, that which continues the unbroken row from the start
 * is said with one ack "all up to n"; the rest singly, for a message before it is still being worked on.
 *
 * Invariants: each tag is named, or covered, once; an ack of many names a tag that is outstanding (RabbitMQ closes the channel over one
 * that is not), and covers only tags that are done, or were named before; memory goes with the number of outstanding messages, however long one of them
 * is worked on.
 */

export interface Acks {
  /** Goes back: to be said first, so that an ack of many does not cover them. */
  readonly backs: readonly number[]
  /** Ack everything up to it; 0 for nothing. */
  readonly upTo: number
  readonly singles: readonly number[]
}

interface Range {
  from: number
  to: number
}

export class AckLedger {
  /** The least tag that is neither done nor given back. */
  #low = 1
  /** Those above it that were said singly: ascending, neither touching nor overlapping. */
  readonly #said: Range[] = []
  #done: number[] = []
  #backs: number[] = []

  /** Something is to be said. */
  get isDue(): boolean {
    return this.#done.length > 0 || this.#backs.length > 0
  }

  /** How much it has to remember. */
  get ranges(): number {
    return this.#said.length
  }

  done(tag: number): void {
    this.#done.push(tag)
  }

  back(tag: number): void {
    this.#backs.push(tag)
  }

  /** What is to be said now; the caller says it. */
  take(): Acks {
    const [done, backs] = [this.#done, this.#backs]
    this.#done = []
    this.#backs = []
    for (const tag of backs) this.#say(tag)
    if (!isAscending(done)) done.sort((a, b) => a - b)
    let upTo = 0
    const singles: number[] = []
    for (const tag of done) {
      if (tag === this.#low) {
        upTo = tag
        this.#low++
        this.#skipSaid()
      } else {
        singles.push(tag)
        this.#say(tag)
      }
    }
    return { backs, upTo, singles }
  }

  /** Moves the lower end over what was said singly. */
  #skipSaid(): void {
    if (this.#said[0]?.from === this.#low) this.#low = this.#said.shift()!.to + 1
  }

  #say(tag: number): void {
    if (tag === this.#low) {
      this.#low++
      this.#skipSaid()
      return
    }
    const at = this.#after(tag)
    const [before, behind] = [this.#said[at - 1], this.#said[at]]
    const joinsBefore = before?.to === tag - 1
    const joinsBehind = behind?.from === tag + 1
    if (joinsBefore && joinsBehind) {
      before.to = behind.to
      this.#said.splice(at, 1)
    } else if (joinsBefore) before.to = tag
    else if (joinsBehind) behind.from = tag
    else this.#said.splice(at, 0, { from: tag, to: tag })
  }

  /** Where the first range beyond the tag is; mostly that is the end. */
  #after(tag: number): number {
    let [from, to] = [0, this.#said.length]
    if (to > 0 && this.#said[to - 1]!.to < tag) return to
    while (from < to) {
      const middle = (from + to) >> 1
      if (this.#said[middle]!.from <= tag) from = middle + 1
      else to = middle
    }
    return from
  }
}

function isAscending(tags: readonly number[]): boolean {
  for (let at = 1; at < tags.length; at++) if (tags[at - 1]! > tags[at]!) return false
  return true
}
