/**
 * What one connection may: nobody yet, then somebody. It holds the identity, and the engine as that identity may see it.
 *
 * Invariants: until somebody has shown a token or a certificate he is whoever `anonymous` is in the file, most often nobody; a login that failed
 * leaves him that; every refusal is written down.
 */

import type { Engine } from '../../engine/engine.ts'
import type { Clock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { Access, Verdict } from './access.ts'
import type { Audit, AuditEntry } from './audit.ts'
import type { Doorkeeper } from './doorkeeper.ts'
import { GuardedEngine } from './guarded-engine.ts'
import type { Rates } from './rate.ts'
import { type Identity, mayAlways, mayEver, type Right } from './rights.ts'
import type { StoredAccounts } from './stored-bytes.ts'

/** What all connections of a server share. */
export interface Locks {
  readonly access: Access
  readonly doorkeeper: Doorkeeper
  readonly rates: Rates
  readonly stored: StoredAccounts
  readonly audit: Audit
}

export interface PassOptions {
  readonly locks: Locks
  readonly engine: Engine
  readonly clock: Clock
  readonly peer: string
  readonly session: string
  /** Of the client's certificate, where one was asked for and is good. */
  readonly subject: string | null
}

export class Pass {
  readonly #options: PassOptions
  #identity: Identity
  #engine: Engine
  #isAtTheDoor: boolean

  constructor(options: PassOptions) {
    this.#options = options
    const { access, doorkeeper } = options.locks
    const known = options.subject === null ? null : access.byCertificate(options.subject)
    this.#identity = known ?? access.anonymous
    this.#engine = this.#guarded()
    this.#isAtTheDoor = this.isStranger && doorkeeper.enter(options.peer)
  }

  get identity(): Identity {
    return this.#identity
  }

  get engine(): Engine {
    return this.#engine
  }

  /** He may do nothing before he says who he is. */
  get isStranger(): boolean {
    return this.#identity.grants.length === 0
  }

  /** A stranger for whom there was room in the door; the others cannot stay. */
  get isWelcome(): boolean {
    return !this.isStranger || this.#isAtTheDoor
  }

  /** @throws ChasquiError UNAUTHENTICATED, or RETRY_AFTER where too many wrong ones came from there */
  login(token: string): void {
    const { locks, clock, peer } = this.#options
    if (!locks.access.isLocked) return
    const retryAfterMs = locks.doorkeeper.waitMs(peer)
    if (retryAfterMs > 0) {
      throw new ChasquiError('RETRY_AFTER', 'too many wrong tokens came from this address', { retryAfterMs })
    }
    const identity = locks.access.byToken(token, clock.nowMs())
    if (identity === null) {
      locks.doorkeeper.failed(peer)
      throw new ChasquiError('UNAUTHENTICATED', 'the token is not known here, was revoked or has expired')
    }
    const isOther = this.#identity.kind === 'token' && this.#identity.id !== identity.id
    if (isOther) throw new ChasquiError('UNAUTHENTICATED', 'this connection belongs to another token already')
    this.#become(identity)
  }

  /** For who has shown his token before, with the rights that he has now. @returns whether he is still known */
  resume(identity: Identity): boolean {
    const { locks, clock } = this.#options
    const now = locks.access.now(identity, clock.nowMs())
    if (now !== null) this.#become(now)
    return now !== null
  }

  #become(identity: Identity): void {
    this.leave()
    this.#identity = identity
    this.#engine = this.#guarded()
  }

  /** @throws ChasquiError UNAUTHENTICATED or FORBIDDEN */
  demand(right: Right | 'none' | 'any'): void {
    if (right === 'none' || (right === 'any' ? !this.isStranger : mayEver(this.#identity, right))) return
    if (this.#identity.kind === 'anonymous') {
      throw new ChasquiError(
        'UNAUTHENTICATED',
        'this needs a token: say it first (session.hello; over HTTP `Authorization: Bearer TOKEN`)',
      )
    }
    throw new ChasquiError(
      'FORBIDDEN',
      `${JSON.stringify(this.#identity.name)} does not have the right to ${right}`,
    )
  }

  verdict(): Verdict {
    const { locks, clock } = this.#options
    return locks.access.verdict(this.#identity, clock.nowMs())
  }

  record(entry: Omit<AuditEntry, 'who' | 'from' | 'session'>): void {
    const { locks, peer, session } = this.#options
    // Whoever is nobody must not fill the disk.
    const also =
      entry.result === 'refused' && this.#identity.kind === 'anonymous' ? locks.doorkeeper.refused(peer) : 0
    if (also === null) return
    const more = also === 0 ? {} : { alsoRefused: also }
    locks.audit.record({ ...entry, who: this.#identity.name, from: peer, session, ...more })
  }

  /** The door is free for the next. Repeatable. */
  leave(): void {
    if (this.#isAtTheDoor) this.#options.locks.doorkeeper.leave(this.#options.peer)
    this.#isAtTheDoor = false
  }

  #guarded(): Engine {
    const { engine, locks } = this.#options
    const { id, limits } = this.#identity
    const rate = locks.rates.of(id, limits)
    const stored = locks.stored.of(this.#identity)
    if (rate === null && stored === null && mayAlways(this.#identity, 'admin')) return engine
    return new GuardedEngine(engine, this.#identity, { rate, stored }, (act, facts) =>
      this.record({ result: 'refused', act, code: 'FORBIDDEN', ...facts }),
    )
  }
}
