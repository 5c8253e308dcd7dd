/**
 * One system with two ways in: a distributor with the store, two more in front of it behind a balancer, and workers and clients that know
 * the balancer only. Ends in the history checker of the fault tests.
 */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { note } from '../../faults/history.ts'
import { System } from '../../faults/system.ts'
import { connectFrom, type Front, startFront } from './parts.ts'

/** A run with the usual pauses would take minutes. */
const RECONNECT_MAX_MS = 200
const LEASE_MS = 3_000
const GRACE_MS = 1_000

export type Side = 'a' | 'b'

/** What a test of a balancer does with it. */
export interface Rotation {
  /** Where clients connect. */
  readonly port: number
  /** What an operator does before he stops a distributor. */
  beforeStop(side: Side): Promise<void>
  /** Waits until it is used again. */
  back(side: Side): Promise<void>
}

export class Load {
  readonly system: System
  readonly fronts: Record<Side, Front>
  readonly #context: TestContext
  readonly #flags: readonly string[]
  #port = 0
  #bare = 0
  #knocking = true
  #knocks: Promise<void> = Promise.resolve()

  private constructor(
    context: TestContext,
    system: System,
    flags: readonly string[],
    fronts: Record<Side, Front>,
  ) {
    this.#context = context
    this.system = system
    this.#flags = flags
    this.fronts = fronts
  }

  static async open(context: TestContext, drainNotice = '0s'): Promise<Load> {
    const system = await System.open(context, { leaseMs: LEASE_MS, reconnectGraceMs: GRACE_MS })
    const times = ['--lease', `${LEASE_MS}ms`, '--drain-notice', drainNotice]
    const flags = ['--engine', system.url, ...times]
    const [a, b] = await Promise.all([startFront(context, flags), startFront(context, flags)])
    return new Load(context, system, flags, { a, b })
  }

  /** Two workers and two clients, through the balancer. */
  async begin(port: number): Promise<void> {
    this.#port = port
    const url = `chasqui://127.0.0.1:${port}`
    await this.system.startEagerWorker(4, RECONNECT_MAX_MS, url)
    await this.system.startEagerWorker(4, RECONNECT_MAX_MS, url)
    const load = { lanes: 4, pauseMs: 30, reconnectMaxMs: RECONNECT_MAX_MS, url }
    this.system.startClient({ name: 'one', watches: true, ...load })
    this.system.startClient({ name: 'two', ...load })
  }

  /** From now on also one bare client after the other, each with a connection of its own and one task. An error of any of them fails the test. */
  knock(): void {
    const knock = async () => {
      while (this.#knocking) {
        const id = `bare-${this.#bare++}`
        const client = await connectFrom(this.#context, { port: this.#port, from: '127.0.0.9' })
        client.send(JSON.stringify({ id, type: 'work', data: { ms: 1 }, maxCrashes: 100 }))
        const { status, message, payload } = await client.next()
        assert.equal(status, 'ok', message)
        client.destroy()
        note(this.system.history, { saw: 'confirmation', asked: id, atMs: Date.now(), ...payload })
      }
    }
    this.#knocks = knock()
    // Seen when the test ends the knocking, or by `progress` before.
    this.#knocks.catch(() => {})
  }

  /** Clients go on: tasks that were not there before are confirmed, and handlers have started. */
  async progress(): Promise<void> {
    const { confirmations, runs } = this.system.look()
    const [confirmed, ran] = [confirmations.length + 30, runs.length + 30]
    const goes = this.system.until(
      'tasks are confirmed and run',
      (seen) => seen.confirmations.length >= confirmed && seen.runs.length >= ran,
    )
    await Promise.race([goes, this.#knocks.then(() => goes)])
  }

  async restart(side: Side): Promise<void> {
    const { port } = this.fronts[side]
    this.fronts[side] = await startFront(this.#context, this.#flags, { port })
  }

  /** How many bare clients came. */
  async end(): Promise<number> {
    this.#knocking = false
    await this.#knocks
    const { facts } = await this.system.judge({ lateStartMs: GRACE_MS + LEASE_MS })
    assert.equal(facts.unconfirmed, 0)
    assert.deepEqual(this.system.history.doubts, [], 'no client heard an error')
    return this.#bare
  }
}
