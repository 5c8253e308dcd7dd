/**
 * How much data identities may keep in the store. The store counts, by account; between two looks this counts what is taken on top.
 *
 * Invariants: one distributor never goes beyond a limit, for what is under way counts from the moment it is let through, perhaps twice until the next look; several of a
 * cluster go beyond it by what the others take between two looks. Nothing is dropped: who stores too much is told when to come again.
 */

import { createHash } from 'node:crypto'
import type { Engine } from '../../engine/engine.ts'
import type { Clock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import { STORED_LOOK_MS } from '../../task/limits.ts'
import type { Identity } from './rights.ts'

/** That of a name: a token that replaces another one goes on with its account. */
export function accountOf({ kind, name }: Pick<Identity, 'kind' | 'name'>): string {
  return createHash('sha256').update(`${kind}:${name}`).digest('base64url').slice(0, 22)
}

/** Of one identity, shared by all its connections. */
export class StoredBytes {
  readonly account: string
  /** In bytes. Changes with the tokens file. */
  limit: number
  readonly #ready: () => Promise<void> | null
  #known = 0
  /** Let through since the last look began, or before it and not answered then. */
  #taken = 0
  /** The same for the look that is under way. */
  #next = 0
  #underWay = 0

  constructor(account: string, limit: number, ready: () => Promise<void> | null) {
    this.account = account
    this.limit = limit
    this.#ready = ready
  }

  /** Null: it may be asked at once. Rejects where the store cannot say. */
  ready(): Promise<void> | null {
    return this.#ready()
  }

  /** Whether so many bytes more may be stored; then they are counted, until `answered` says that the store knows of them. */
  take(bytes: number): boolean {
    if (this.#known + this.#taken + bytes > this.limit) return false
    this.#taken += bytes
    this.#next += bytes
    this.#underWay += bytes
    return true
  }

  /** Taken, and not stored after all. */
  giveBack(bytes: number): void {
    this.#taken -= bytes
    this.#next -= bytes
    this.#underWay -= bytes
  }

  answered(bytes: number): void {
    this.#underWay -= bytes
  }

  lookBegins(): void {
    this.#next = this.#underWay
  }

  lookEnds(storedBytes: number): void {
    this.#known = storedBytes
    this.#taken = this.#next
  }
}

/** A look that takes longer than this is followed by a rest of so many times as long: a hundredth of the time is what it may take. */
const LOOK_MS_CHEAP = 10
const REST = 99

/** The accounts of all identities that have a limit, and the looks at the store that they share. */
export class StoredAccounts {
  readonly #engine: Pick<Engine, 'inspect'>
  readonly #clock: Clock
  readonly #accounts = new Map<string, StoredBytes>()
  #looking: Promise<void> | null = null
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #restUntilMs = 0

  constructor(engine: Pick<Engine, 'inspect'>, clock: Clock) {
    this.#engine = engine
    this.#clock = clock
  }

  of(identity: Identity): StoredBytes | null {
    const limit = identity.limits.storedBytes
    if (limit === undefined) return null
    const account = accountOf(identity)
    let stored = this.#accounts.get(account)
    if (stored === undefined) {
      stored = new StoredBytes(account, limit, () => this.#ready())
      this.#accounts.set(account, stored)
      // It knows nothing yet.
      this.#lookedAtMs = Number.NEGATIVE_INFINITY
      this.#restUntilMs = 0
    }
    stored.limit = limit
    return stored
  }

  #ready(): Promise<void> | null {
    if (this.#clock.nowMs() - this.#lookedAtMs < STORED_LOOK_MS || performance.now() < this.#restUntilMs)
      return null
    const startedAtMs = performance.now()
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null
      const endedAtMs = performance.now()
      // The one thing here that goes by the clock on the wall: what the look itself costs.
      if (endedAtMs - startedAtMs > LOOK_MS_CHEAP)
        this.#restUntilMs = endedAtMs + (endedAtMs - startedAtMs) * REST
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    const accounts = [...this.#accounts.values()]
    for (const stored of accounts) stored.lookBegins()
    const startedAtMs = this.#clock.nowMs()
    const { owners, kind } = await this.#engine.inspect()
    if (owners === undefined) {
      const sentence = `the engine ${kind} does not count what is stored, which the limit storedBytes of this identity needs`
      throw new ChasquiError('NOT_SUPPORTED', sentence)
    }
    const bytes = await owners()
    for (const stored of accounts) stored.lookEnds(bytes[stored.account] ?? 0)
    this.#lookedAtMs = startedAtMs
  }
}
