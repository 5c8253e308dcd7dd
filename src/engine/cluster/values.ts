/**
 * Large values by reference (claim check): what is longer than a limit goes to the object store, the row keeps where it is and what it must be.
 *
 * Nothing depends on the store to go on: when it cannot be written, the value stays in its row. Only what was put there must be read there.
 */

import type { ClaimCheck, Reference } from '../../objects/claims/claim-check.ts'
import { ChasquiError } from '../../task/errors.ts'

export class Values {
  readonly #check: ClaimCheck | null
  readonly #aboveLength: number
  readonly #onTrouble: (error: unknown) => void

  constructor(check: ClaimCheck | null, aboveLength: number, onTrouble: (error: unknown) => void) {
    this.#check = check
    this.#aboveLength = aboveLength
    this.#onTrouble = onTrouble
  }

  isLarge(text: string): boolean {
    return this.#check !== null && text.length > this.#aboveLength
  }

  /** What the row holds: the text, or a reference and a `null` in its place. Never rejects. */
  async store(kind: 'data' | 'result', id: string, text: string): Promise<{ text: string; ref: string }> {
    if (this.#check === null || !this.isLarge(text)) return { text, ref: '' }
    try {
      return { text: 'null', ref: JSON.stringify(await this.#check.put(kind, id, text)) }
    } catch (error) {
      this.#onTrouble(error)
      return { text, ref: '' }
    }
  }

  /** Rejects with STORE_FAILED when it is not there, or not what was put. */
  async load(text: string | null, ref: string | null): Promise<string | null> {
    if (ref === null) return text
    if (this.#check === null) {
      throw new ChasquiError(
        'STORE_FAILED',
        'a large value is in an object store that this process was not given (--objects)',
      )
    }
    return this.#check.get(JSON.parse(ref) as Reference)
  }

  /** Removes old objects that no row names. */
  async sweep(isWanted: (keys: readonly string[]) => Promise<Iterable<string>>): Promise<void> {
    await this.#check?.sweep(isWanted)
  }

  /** Never rejects: what stays behind is swept up later. */
  async remove(refs: readonly string[]): Promise<void> {
    if (this.#check === null || refs.length === 0) return
    try {
      await this.#check.delete(refs.map((ref) => JSON.parse(ref) as Reference))
    } catch (error) {
      this.#onTrouble(error)
    }
  }
}
