/**
 * Browsers that have shown a token: what the cookie in their hands stands for. The token itself is shown once and kept nowhere.
 *
 * In memory, and so of one distributor and one run: a restart asks for the token again (docs/decisions/0052). Only hashes of cookies are kept, so that
 * looking one up says nothing about those that are nearly right.
 *
 * Invariants: bounded; a session ends by itself; whoever is not known any more has none.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../task/clock.ts'
import { BROWSER_SESSION_MS, BROWSER_SESSIONS_MAX } from '../../task/limits.ts'
import type { Identity } from '../access/rights.ts'

export interface BrowserSession {
  readonly identity: Identity
  /** Said in a header with everything that changes something: a page of another origin cannot read it. */
  readonly csrf: string
  readonly expiresAtMs: number
}

const SECRET_BYTES = 32

export class BrowserSessions {
  readonly #clock: Clock
  /** By the hash of the cookie, the oldest first. */
  readonly #open = new Map<string, BrowserSession>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns the cookie, which is said once, and the session */
  open(identity: Identity): { readonly cookie: string; readonly session: BrowserSession } {
    const cookie = secret()
    const expiresAtMs = this.#clock.nowMs() + BROWSER_SESSION_MS
    const session = { identity, csrf: secret(), expiresAtMs }
    this.#open.set(hashOf(cookie), session)
    for (const [oldest, { expiresAtMs: endMs }] of this.#open) {
      if (this.#open.size <= BROWSER_SESSIONS_MAX && endMs > this.#clock.nowMs()) break
      this.#open.delete(oldest)
    }
    return { cookie, session }
  }

  find(cookie: string): BrowserSession | null {
    const session = this.#open.get(hashOf(cookie))
    return session !== undefined && session.expiresAtMs > this.#clock.nowMs() ? session : null
  }

  /** Unknown ones are fine. */
  close(cookie: string): void {
    this.#open.delete(hashOf(cookie))
  }
}

export function isSameSecret(given: string, known: string): boolean {
  return timingSafeEqual(digest(given), digest(known))
}

function secret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url')
}

function hashOf(text: string): string {
  return digest(text).toString('base64url')
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
