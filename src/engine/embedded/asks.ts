/** The things that can be asked of a turn: batches that may be done in parts, and single calls. */

import type { ChasquiError } from '../../task/errors.ts'
import type { Outcome } from '../../task/outcome.ts'
import type { Durability, Receipt, Refusal, Submission } from '../../task/task.ts'
import type { Settlement } from '../engine.ts'
import { accept } from './accept.ts'
import type { Heart } from './heart.ts'
import { settle } from './judge.ts'
import type { Ask } from './turns.ts'

type Resolve<T> = (value: T) => void
type Reject = (error: ChasquiError) => void

export class SubmitAsk implements Ask {
  readonly sync: boolean
  readonly #heart: Heart
  readonly #batch: readonly Submission[]
  readonly #durability: Durability
  readonly #answers: (Receipt | Refusal)[] = []
  readonly #resolve: Resolve<readonly (Receipt | Refusal)[]>
  readonly refuse: Reject

  constructor(
    heart: Heart,
    batch: readonly Submission[],
    durability: Durability,
    resolve: Resolve<readonly (Receipt | Refusal)[]>,
    reject: Reject,
  ) {
    this.#heart = heart
    this.#batch = batch
    this.#durability = durability
    this.sync = durability === 'disk'
    this.#resolve = resolve
    this.refuse = reject
  }

  get done(): boolean {
    return this.#answers.length === this.#batch.length
  }

  apply(nowMs: number, budget: number): number {
    const from = this.#answers.length
    const to = Math.min(this.#batch.length, from + budget)
    for (let at = from; at < to; at++) {
      this.#answers.push(accept(this.#heart, this.#batch[at]!, nowMs, this.#durability))
    }
    return to - from
  }

  answer(): void {
    this.#resolve(this.#answers)
  }
}

export class SettleAsk implements Ask {
  readonly sync = true
  readonly #heart: Heart
  readonly #outcomes: readonly Outcome[]
  readonly #answers: Settlement[] = []
  readonly #resolve: Resolve<readonly Settlement[]>
  readonly refuse: Reject

  constructor(
    heart: Heart,
    outcomes: readonly Outcome[],
    resolve: Resolve<readonly Settlement[]>,
    reject: Reject,
  ) {
    this.#heart = heart
    this.#outcomes = outcomes
    this.#resolve = resolve
    this.refuse = reject
  }

  get done(): boolean {
    return this.#answers.length === this.#outcomes.length
  }

  apply(nowMs: number, budget: number): number {
    const from = this.#answers.length
    const to = Math.min(this.#outcomes.length, from + budget)
    for (let at = from; at < to; at++) this.#answers.push(settle(this.#heart, this.#outcomes[at]!, nowMs))
    return to - from
  }

  answer(): void {
    this.#resolve(this.#answers)
  }
}

/** One call, done in one go. */
export class CallAsk<T> implements Ask {
  readonly sync: boolean
  readonly #weight: number
  readonly #call: (nowMs: number) => T
  readonly #resolve: Resolve<T>
  readonly refuse: Reject
  #answer: { readonly value: T } | null = null

  constructor(
    sync: boolean,
    weight: number,
    call: (nowMs: number) => T,
    resolve: Resolve<T>,
    reject: Reject,
  ) {
    this.sync = sync
    this.#weight = weight
    this.#call = call
    this.#resolve = resolve
    this.refuse = reject
  }

  get done(): boolean {
    return this.#answer !== null
  }

  apply(nowMs: number): number {
    this.#answer = { value: this.#call(nowMs) }
    return this.#weight
  }

  answer(): void {
    this.#resolve(this.#answer!.value)
  }
}
