/**
 * What the requests of one turn of a connection have in common is asked of the engine in one call: the tasks of all its submits, the
 * outcomes of all its settles. Each request gets its own part of the answer.
 *
 * Invariant: every part hears exactly once, in the order in which it was added.
 */

/** Who asked. Neither may throw. */
export interface Part<Answer> {
  succeed(answers: readonly Answer[]): void
  fail(error: unknown): void
}

export class TurnBatch<Item, Answer> {
  readonly #run: (items: readonly Item[]) => Promise<readonly Answer[]>
  readonly #onAnswered: () => void
  #items: Item[] = []
  #parts: { readonly count: number; readonly part: Part<Answer> }[] = []

  /** @param onAnswered called after all parts of a call have heard */
  constructor(run: (items: readonly Item[]) => Promise<readonly Answer[]>, onAnswered: () => void) {
    this.#run = run
    this.#onAnswered = onAnswered
  }

  add(items: readonly Item[], part: Part<Answer>): void {
    for (const item of items) this.#items.push(item)
    this.#parts.push({ count: items.length, part })
  }

  /** The turn is over. */
  flush(): void {
    const parts = this.#parts
    if (parts.length === 0) return
    const items = this.#items
    this.#items = []
    this.#parts = []
    this.#ask(items).then(
      (answers) => {
        let from = 0
        for (const { count, part } of parts) {
          part.succeed(parts.length === 1 ? answers : answers.slice(from, from + count))
          from += count
        }
        this.#onAnswered()
      },
      (error: unknown) => {
        for (const { part } of parts) part.fail(error)
        this.#onAnswered()
      },
    )
  }

  /** An engine that throws at once is an answer, too. */
  async #ask(items: readonly Item[]): Promise<readonly Answer[]> {
    return this.#run(items)
  }
}
