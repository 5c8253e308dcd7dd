/**
 * Deliveries in the hands of this process's workers: who holds which, and until when. The ledger's rows decide; this is what a member knows of
 * its own part.
 *
 * Invariant: whoever is in `byId` counts in its seat's `held`; so does a ghost (cancelled, its handler may run on) until its worker gives
 * it back or its time passes.
 */

import type { Lease } from '../../task/outcome.ts'
import type { Claim, Held, Seat } from './seat.ts'
import { resolveEntry } from './window.ts'

export class Leases {
  readonly byId = new Map<string, Held>()
  readonly #ghosts = new Map<string, Held>()
  /** Claim rows that are over, for the next statement to delete. */
  doneClaims: number[] = []
  /** Claim rows of this process that are not over. */
  readonly openClaims = new Set<number>()

  get size(): number {
    return this.byId.size
  }

  newClaim(seq: number, open: number): Claim {
    this.openClaims.add(seq)
    return { seq, open }
  }

  grant(held: Held): void {
    this.byId.set(held.id, held)
  }

  find({ id, epoch }: Lease): Held | undefined {
    const held = this.byId.get(id)
    return held?.epoch === epoch ? held : undefined
  }

  /** The lease is over, in the ledger too. */
  end(held: Held): void {
    if (this.byId.get(held.id) !== held) return
    this.byId.delete(held.id)
    if (held.seat !== null) held.seat.held--
    this.#release(held)
  }

  /** It was cancelled under its worker, whose handler may run on. */
  haunt(held: Held): void {
    if (this.byId.get(held.id) !== held) return
    this.byId.delete(held.id)
    this.#release(held)
    if (held.seat === null || held.seat.gone) {
      if (held.seat !== null) held.seat.held--
      return
    }
    held.ghost = true
    this.#ghosts.set(ghostKey(held), held)
  }

  /** The worker is done with what was cancelled under it. */
  dropGhost(lease: Lease): void {
    if (this.#ghosts.size === 0) return
    const key = ghostKey(lease)
    const ghost = this.#ghosts.get(key)
    if (ghost === undefined) return
    this.#ghosts.delete(key)
    if (ghost.seat !== null) ghost.seat.held--
  }

  adopt(held: Held, seat: Seat): void {
    if (held.seat === seat) return
    if (held.seat !== null) held.seat.held--
    held.seat = seat
    held.workerNo = seat.workerNo
    seat.held++
  }

  /** Those whose time has passed; ghosts go with them. */
  lapsed(nowMs: number): Held[] {
    for (const ghost of this.#ghosts.values()) if (ghost.untilMs <= nowMs) this.dropGhost(ghost)
    const lapsed: Held[] = []
    for (const held of this.byId.values()) if (held.untilMs <= nowMs) lapsed.push(held)
    return lapsed
  }

  /** The earliest end of a lease or a ghost; Infinity when nothing runs. */
  earliestEndMs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const held of this.byId.values()) if (held.untilMs < earliest) earliest = held.untilMs
    for (const ghost of this.#ghosts.values()) if (ghost.untilMs < earliest) earliest = ghost.untilMs
    return earliest
  }

  takeDoneClaims(): number[] {
    const done = this.doneClaims
    this.doneClaims = []
    return done
  }

  /** The claim's part and the message's part of a lease that is over. */
  #release({ claim, entry }: Held): void {
    if (entry !== null) resolveEntry(entry)
    if (claim === null || --claim.open > 0) return
    this.openClaims.delete(claim.seq)
    this.doneClaims.push(claim.seq)
  }
}

function ghostKey({ id, epoch }: Lease): string {
  return `${epoch} ${id}`
}
