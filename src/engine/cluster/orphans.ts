/**
 * Large values in the object store that no row names: left behind by a crash between put and commit, or too young to be removed with their
 * task. The keeper looks for them now and then, beside its rounds, for a bucket may hold millions of objects.
 *
 * Invariant: what any row names stays. The rows are asked by the id in the key, never all of them.
 */

import type { Reference } from '../../objects/claims/claim-check.ts'
import { readClaimKey } from '../../objects/claims/claim-key.ts'
import { idsOfName } from '../../task/ids.ts'
import { ORPHAN_SWEEP_FIRST_MS, ORPHAN_SWEEP_MS } from '../../task/limits.ts'
import type { Core } from './core.ts'
import { texts } from './ledger/columns.ts'
import { REFERENCES_BETWEEN, REFERENCES_OF } from './ledger/keeper-statements.ts'

export class Orphans {
  readonly #core: Core
  #nextMs: number
  #sweep: Promise<void> | null = null

  constructor(core: Core) {
    this.#core = core
    this.#nextMs = core.nowMs() + ORPHAN_SWEEP_FIRST_MS
  }

  /** Begins a sweep where one is due. @returns when the next one is */
  round(nowMs: number): number {
    if (nowMs >= this.#nextMs && this.#sweep === null) {
      this.#nextMs = nowMs + ORPHAN_SWEEP_MS
      this.#sweep = this.#core.values
        .sweep((keys) => this.#wanted(keys))
        .catch((error) => {
          // What is left is found by the next sweep.
          if (!this.#core.closing) this.#core.onTrouble('object-failed', error)
        })
        .finally(() => {
          this.#sweep = null
        })
    }
    return this.#nextMs
  }

  async #wanted(keys: readonly string[]): Promise<string[]> {
    const { look } = this.#core.ledger
    const whole: string[] = []
    const wanted: string[] = []
    const take = (rows: readonly (readonly unknown[])[]) => {
      for (const ref of rows.flat())
        if (ref !== null) wanted.push((JSON.parse(ref as string) as Reference).key)
    }
    for (const key of keys) {
      const ids = idsOfName(readClaimKey(key)!.id)
      if (this.#core.closing) throw new Error('the engine closes: the sweep goes on with the next keeper')
      if ('id' in ids) whole.push(ids.id)
      else take(await look.repeat(REFERENCES_BETWEEN, [ids.from, ids.before]))
    }
    if (whole.length > 0) take(await look.repeat(REFERENCES_OF, [texts(whole)]))
    return wanted
  }
}
