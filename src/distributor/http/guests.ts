/**
 * What the requests of one address hold together, as a connection does on the wire: long replies that are read or not sent yet, and tasks that are waited for.
 *
 * Invariant: memory is that of addresses with requests under way; the last one to leave takes the account with it.
 */

import { READS_AT_A_TIME } from '../../task/limits.ts'
import { networkOf } from '../access/doorkeeper.ts'
import { ReadLane } from '../read-lane.ts'
import { Waits } from '../waits.ts'

export interface Guest {
  readonly reads: ReadLane
  readonly waits: Waits
}

interface Account extends Guest {
  requests: number
}

export class Guests {
  readonly #waitsMax: number
  readonly #accounts = new Map<string, Account>()

  constructor(waitsMax: number) {
    this.#waitsMax = waitsMax
  }

  /** A request of this address begins; `leave` ends it. */
  enter(peer: string): Guest {
    const network = networkOf(peer)
    let account = this.#accounts.get(network)
    if (account === undefined) {
      account = { reads: new ReadLane(READS_AT_A_TIME), waits: new Waits(this.#waitsMax), requests: 0 }
      this.#accounts.set(network, account)
    }
    account.requests++
    return account
  }

  leave(peer: string): void {
    const network = networkOf(peer)
    const account = this.#accounts.get(network)
    if (account !== undefined && --account.requests === 0) this.#accounts.delete(network)
  }

  /** Requests under way. */
  get count(): number {
    let count = 0
    for (const { requests } of this.#accounts.values()) count += requests
    return count
  }

  /** All waits answer at once. */
  abortWaits(): void {
    for (const { waits } of this.#accounts.values()) waits.abort()
  }
}
