/**
 * What strangers cost, address by address: how many may stand in the door at a time, how long somebody waits who showed a wrong token, and how many of
 * their refusals are written down one by one.
 *
 * Invariants: memory is bounded whatever addresses come; an IPv6 network counts as one address, for its owner has as many as he likes; waiting is said
 * (`RETRY_AFTER`), and while somebody waits his tokens are not even looked at.
 */

import type { Clock } from '../../task/clock.ts'
import {
  AUDIT_STRANGERS_PER_MINUTE,
  LOGIN_FAILURES_FREE,
  LOGIN_WAIT_MAX_MS,
  LOGIN_WAIT_MIN_MS,
  LOGIN_WATCHED_MAX,
  STRANGERS_PER_ADDRESS_MAX,
} from '../../task/limits.ts'

interface Failures {
  readonly count: number
  readonly untilMs: number
}

interface Refusals {
  readonly minute: number
  readonly count: number
  /** Those that were only counted since one was written down. */
  readonly unwritten: number
}

const MINUTE_MS = 60_000

export class Doorkeeper {
  readonly #clock: Clock
  readonly #strangers = new Map<string, number>()
  /** The one that failed last is the last. */
  readonly #failures = new Map<string, Failures>()

  /** In the order in which they were first refused. */
  readonly #refusals = new Map<string, Refusals>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether one more stranger of this address may come in; if so, `leave` has to be called. */
  enter(peer: string): boolean {
    const network = networkOf(peer)
    const count = this.#strangers.get(network) ?? 0
    if (count >= STRANGERS_PER_ADDRESS_MAX) return false
    this.#strangers.set(network, count + 1)
    return true
  }

  /** He has gone, or is no stranger any more. */
  leave(peer: string): void {
    const network = networkOf(peer)
    const count = this.#strangers.get(network) ?? 0
    if (count > 1) this.#strangers.set(network, count - 1)
    else this.#strangers.delete(network)
  }

  /** 0: a token may be shown now. */
  waitMs(peer: string): number {
    const untilMs = this.#failures.get(networkOf(peer))?.untilMs ?? 0
    return Math.max(0, untilMs - this.#clock.nowMs())
  }

  failed(peer: string): void {
    const network = networkOf(peer)
    const nowMs = this.#clock.nowMs()
    const before = this.#failures.get(network)
    const isOld = before === undefined || nowMs - before.untilMs > LOGIN_WAIT_MAX_MS
    const count = (isOld ? 0 : before.count) + 1
    this.#failures.delete(network)
    this.#failures.set(network, { count, untilMs: nowMs + waitAfter(count) })
    forgetOldest(this.#failures)
  }

  /**
   * A stranger was refused. Null: not one more line for this address in this minute, it is counted. Otherwise it is written down, with how many of the same
   * address were not.
   */
  refused(peer: string): number | null {
    const network = networkOf(peer)
    const minute = Math.floor(this.#clock.nowMs() / MINUTE_MS)
    const before = this.#refusals.get(network)
    const count = before?.minute === minute ? before.count + 1 : 1
    const unwritten = before?.unwritten ?? 0
    const isWritten = count <= AUDIT_STRANGERS_PER_MINUTE
    this.#refusals.set(network, { minute, count, unwritten: isWritten ? 0 : unwritten + 1 })
    forgetOldest(this.#refusals)
    return isWritten ? unwritten : null
  }
}

function forgetOldest(watched: Map<string, unknown>): void {
  if (watched.size <= LOGIN_WATCHED_MAX) return
  for (const [oldest] of watched) {
    watched.delete(oldest)
    return
  }
}

function waitAfter(count: number): number {
  const beyond = count - LOGIN_FAILURES_FREE
  return beyond <= 0 ? 0 : Math.min(LOGIN_WAIT_MAX_MS, LOGIN_WAIT_MIN_MS * 2 ** Math.min(beyond - 1, 30))
}

/** An IPv4 address, or the first 64 bits of an IPv6 one. */
export function networkOf(peer: string): string {
  if (!peer.includes(':')) return peer
  const [head = '', tail] = peer.split('%')[0]!.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return `${groups.slice(0, 4).join(':')}::/64`
}
