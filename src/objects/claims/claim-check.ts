/**
 * Large values by reference (the "claim check" of Hohpe and Woolf, Enterprise Integration Patterns): the value goes to the object store, what
 * travels and stands in rows is a small reference with its hash.
 *
 * The order of things: put, then commit the row that names the reference. A crash in between leaves an object that no row names; `sweep`
 * removes such orphans when they are old.
 *
 * Invariant: what `get` answers is what was put, byte by byte, or it is an error.
 */

import { createHash } from 'node:crypto'
import type { Clock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import {
  CLAIM_CIRCUIT_FAILURES_MAX,
  CLAIM_CIRCUIT_OPEN_MS,
  CLAIM_HOUR_MS,
  CLAIM_ORPHAN_AGE_MS,
  CLAIM_PUT_MS,
  CLAIM_SWEEP_KEYS_MAX,
  CLAIMS_AT_ONCE_MAX,
  CLAIMS_WAITING_MAX,
} from '../../task/limits.ts'
import { Gate } from '../gate.ts'
import type { ObjectStore } from '../object-store.ts'
import { Circuit } from './circuit.ts'
import { CLAIM_KINDS, type ClaimKind, claimKey, claimPrefix, isSettled, readClaimKey } from './claim-key.ts'

/** JSON-safe: stands in rows. */
export interface Reference {
  readonly key: string
  /** Of the text in UTF-8. */
  readonly bytes: number
  /** Of the same bytes, in hexadecimal. */
  readonly sha256: string
}

export class ClaimCheck {
  readonly #objects: ObjectStore
  readonly #clock: Clock
  readonly #circuit: Circuit
  readonly #gate = new Gate(CLAIMS_AT_ONCE_MAX, CLAIMS_WAITING_MAX)

  /** The store stays its owner's: who opened it closes it. */
  constructor(objects: ObjectStore, clock: Clock) {
    this.#objects = objects
    this.#clock = clock
    this.#circuit = new Circuit(clock, {
      failuresMax: CLAIM_CIRCUIT_FAILURES_MAX,
      openMs: CLAIM_CIRCUIT_OPEN_MS,
    })
  }

  /**
   * Resolves once the value is durable. The same value of the same task within an hour is the same object.
   *
   * Rejects within CLAIM_PUT_MS, and at once while the store is known to be down, with STORE_FAILED or RETRY_AFTER: the caller then keeps the
   * value in the row. What was on its way may still arrive; it is an orphan then.
   */
  async put(kind: ClaimKind, id: string, text: string): Promise<Reference> {
    if (!text.isWellFormed()) throw new TypeError('a value with half of a surrogate pair has no UTF-8 form')
    this.#circuit.look()
    const body = Buffer.from(text)
    const sha256 = hashOf(body)
    const key = claimKey(kind, id, sha256, this.#clock.nowMs())
    await this.#putInTime(key, body)
    return { key, bytes: body.length, sha256 }
  }

  /**
   * The value. Rejects with STORE_FAILED when the store cannot be read, and when the object is missing or is not what was put; asking again will
   * not help then, and `details.isBroken` is true.
   */
  async get(reference: Reference): Promise<string> {
    if (readClaimKey(reference.key) === null)
      throw broken(reference, 'has a name that no value was put under')
    const body = await this.#read(reference)
    if (body === null) throw broken(reference, 'is missing')
    if (body.length !== reference.bytes) {
      throw broken(reference, `has ${body.length} bytes and not ${reference.bytes}`)
    }
    if (hashOf(body) !== reference.sha256) throw broken(reference, 'is not what was put: its hash differs')
    return body.toString()
  }

  /**
   * Removes values that no row names any more, and says how many. Younger ones than two hours may be put again by somebody at this moment: those
   * are left to `sweep`.
   */
  async delete(references: readonly Reference[]): Promise<number> {
    const nowMs = this.#clock.nowMs()
    return await this.#remove(references.map(({ key }) => key).filter((key) => isOld(key, nowMs)))
  }

  /**
   * Removes objects that no row names and that are older than a crash between put and commit can explain, and says how many.
   *
   * @param isWanted which of these keys some row names; when it rejects, the sweep ends and so far unasked keys stay
   */
  async sweep(
    isWanted: (keys: readonly string[]) => Promise<Iterable<string>>,
    olderThanMs = CLAIM_ORPHAN_AGE_MS,
  ): Promise<number> {
    if (olderThanMs < 2 * CLAIM_HOUR_MS)
      throw new RangeError(`${olderThanMs} ms is too young to be an orphan`)
    let removed = 0
    const removeUnwanted = async (keys: readonly string[]) => {
      const wanted = new Set(await isWanted(keys))
      removed += await this.#remove(keys.filter((key) => !wanted.has(key)))
    }
    for (const kind of CLAIM_KINDS) {
      let keys: string[] = []
      for await (const key of this.#old(kind, olderThanMs)) {
        keys.push(key)
        if (keys.length < CLAIM_SWEEP_KEYS_MAX) continue
        await removeUnwanted(keys)
        keys = []
      }
      if (keys.length > 0) await removeUnwanted(keys)
    }
    return removed
  }

  async *#old(kind: ClaimKind, olderThanMs: number): AsyncIterable<string> {
    const nowMs = this.#clock.nowMs()
    for await (const { key, modifiedAtMs } of this.#objects.list(claimPrefix(kind))) {
      // Two clocks must agree: that of who put it, in the key, and that of the store.
      if (modifiedAtMs <= nowMs - olderThanMs && isOld(key, nowMs)) yield key
    }
  }

  async #putInTime(key: string, body: Buffer): Promise<void> {
    const late = Promise.withResolvers<never>()
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      this.#circuit.failed()
      late.reject(
        new ChasquiError('STORE_FAILED', `the object ${key} was not written within ${CLAIM_PUT_MS} ms`),
      )
    }, CLAIM_PUT_MS)
    const put = this.#gate.run(async () => {
      // Nobody would hear of it any more.
      if (isLate) return
      const write = () => this.#objects.put(key, body)
      await this.#call(write, () => isLate)
    })
    try {
      await Promise.race([put, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  async #read(reference: Reference): Promise<Buffer | null> {
    try {
      return await this.#gate.run(() => this.#call(() => this.#objects.get(reference.key, reference.bytes)))
    } catch (error) {
      const bytes = bytesTooMany(error)
      if (bytes !== null) throw broken(reference, `has ${bytes} bytes and not ${reference.bytes}`)
      throw error
    }
  }

  async #remove(keys: readonly string[]): Promise<number> {
    const removals = keys.map((key) => this.#gate.run(() => this.#call(() => this.#objects.delete(key))))
    const results = await Promise.allSettled(removals)
    const failure = results.find((result) => result.status === 'rejected')
    if (failure !== undefined) throw failure.reason
    return results.filter((result) => result.status === 'fulfilled' && result.value).length
  }

  /** @param isJudged whether the circuit was told how this call ended before it did */
  async #call<T>(work: () => Promise<T>, isJudged: () => boolean = () => false): Promise<T> {
    this.#circuit.enter()
    try {
      const value = await work()
      if (!isJudged()) this.#circuit.succeeded()
      return value
    } catch (error) {
      // A finding about one object is no failure of the store.
      if (bytesTooMany(error) !== null) this.#circuit.succeeded()
      else if (error instanceof ChasquiError && error.code === 'STORE_FAILED' && !isJudged()) {
        this.#circuit.failed()
      }
      throw error
    }
  }
}

function hashOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex')
}

function isOld(key: string, nowMs: number): boolean {
  const read = readClaimKey(key)
  return read !== null && isSettled(read, nowMs)
}

/** What the port says of an object that is longer than its reader allows; null: it is another error. */
function bytesTooMany(error: unknown): number | null {
  const bytes = error instanceof ChasquiError ? error.details?.bytes : undefined
  return typeof bytes === 'number' ? bytes : null
}

function broken({ key }: Reference, what: string): ChasquiError {
  const read = readClaimKey(key)
  const whose = read === null ? 'a large value' : `the ${read.kind} of task ${read.id}`
  return new ChasquiError('STORE_FAILED', `${whose} cannot be read: the object ${key} ${what}`, {
    details: { key, isBroken: true },
  })
}
