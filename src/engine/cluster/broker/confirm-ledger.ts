/**
 * Which messages of a confirm channel the broker has not answered for yet. Pure: it sees delivery tags, nothing else.
 *
 * The broker numbers what a channel publishes from 1, and answers for one number, or for all up to one. A call of `publish` owns a run of numbers
 * (several, when it had to wait in between), so that a cumulative answer costs one step for each call and not for each message.
 *
 * Invariant: each number is counted to its owner once, however often the broker answers for it.
 */

interface Run<Owner> {
  readonly owner: Owner
  /** All below are answered for; so are those in `singles`. */
  low: number
  readonly high: number
  singles: Set<number> | null
}

/** Heads of the array that are done are cut off when there are this many. */
const CUT = 1_024

export class ConfirmLedger<Owner> {
  #runs: Run<Owner>[] = []
  #head = 0
  #next: number
  #outstanding = 0

  /** @param next the number that the channel gives to the next message */
  constructor(next = 1) {
    this.#next = next
  }

  get outstanding(): number {
    return this.#outstanding
  }

  get next(): number {
    return this.#next
  }

  /** `count` messages were published just now. */
  add(owner: Owner, count: number): void {
    if (count === 0) return
    const low = this.#next
    this.#next += count
    this.#outstanding += count
    this.#runs.push({ owner, low, high: this.#next - 1, singles: null })
  }

  /** Counts an answer: `visit` hears, for each owner that it concerns, how many messages it is for. */
  settle(tag: number, multiple: boolean, visit: (owner: Owner, count: number) => void): void {
    if (multiple) this.#settleUpTo(tag, visit)
    else this.#settleOne(tag, visit)
    this.#skipDone()
    this.#cut()
  }

  /** Whose message that is; null when it was answered for, or never published. */
  ownerOf(tag: number): Owner | null {
    const run = this.#find(tag)
    return run === null || tag < run.low || run.singles?.has(tag) === true ? null : run.owner
  }

  /** Everybody who waits, oldest first, once for each run. */
  owners(): Owner[] {
    return this.#runs.slice(this.#head).map((run) => run.owner)
  }

  #settleUpTo(tag: number, visit: (owner: Owner, count: number) => void): void {
    for (let run = this.#runs[this.#head]; run !== undefined; run = this.#runs[this.#head]) {
      if (run.low > tag) return
      const high = Math.min(tag, run.high)
      let count = high - run.low + 1
      for (const single of run.singles ?? []) {
        if (single > high) continue
        count--
        run.singles!.delete(single)
      }
      run.low = high + 1
      this.#advance(run)
      this.#outstanding -= count
      this.#skipDone()
      if (count > 0) visit(run.owner, count)
    }
  }

  #settleOne(tag: number, visit: (owner: Owner, count: number) => void): void {
    const run = this.#find(tag)
    if (run === null || tag < run.low || run.singles?.has(tag) === true) return
    if (tag === run.low) {
      run.low++
      this.#advance(run)
    } else {
      run.singles ??= new Set()
      run.singles.add(tag)
    }
    this.#outstanding--
    visit(run.owner, 1)
  }

  /** Moves the lower end over what was answered for singly. */
  #advance(run: Run<Owner>): void {
    if (run.singles === null) return
    while (run.singles.delete(run.low)) run.low++
    if (run.singles.size === 0) run.singles = null
  }

  /** Runs may be done before those ahead of them. */
  #skipDone(): void {
    for (let run = this.#runs[this.#head]; run !== undefined && run.low > run.high; ) {
      run = this.#runs[++this.#head]
    }
  }

  #find(tag: number): Run<Owner> | null {
    let [from, to] = [this.#head, this.#runs.length - 1]
    while (from <= to) {
      const middle = (from + to) >> 1
      const run = this.#runs[middle]!
      if (run.high < tag) from = middle + 1
      else to = middle - 1
    }
    return this.#runs[from] ?? null
  }

  #cut(): void {
    if (this.#head === this.#runs.length) this.#runs = []
    else if (this.#head >= CUT) this.#runs = this.#runs.slice(this.#head)
    else return
    this.#head = 0
  }
}
