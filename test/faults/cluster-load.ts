/**
 * A cluster at work: two distributors, a client at each, a worker behind the second, a worker directly on the cluster, on servers that the test
 * makes and breaks. What shows that all of them work (again) without help is `flows`.
 */

import type { TestContext } from 'node:test'
import type { LineProcess } from '../support/lines.ts'
import type { PostgreSql } from '../support/postgresql.ts'
import { startsOf } from './history.ts'
import { lookAtLedger } from './ledger-look.ts'
import { System } from './system.ts'

export interface LoadSetting {
  readonly postgresql: PostgreSql
  readonly amqpUrls: readonly string[]
  /** One of the two distributors reaches the servers by another way. */
  readonly far?: { readonly no: 0 | 1; readonly port: number; readonly amqpUrls: readonly string[] }
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
}

let lastDatabase = 0

export class ClusterLoad {
  readonly system: System
  readonly direct: LineProcess
  readonly behind: LineProcess

  private constructor(system: System, direct: LineProcess, behind: LineProcess) {
    this.system = system
    this.direct = direct
    this.behind = behind
  }

  static async open(context: TestContext, setting: LoadSetting): Promise<ClusterLoad> {
    const { postgresql, amqpUrls, far, ...times } = setting
    const database = `load_${++lastDatabase}`
    const databaseUrl = await postgresql.createDatabase(database)
    const engineAt = (port: number, urls: readonly string[]) => [
      ...['--engine', 'cluster', '--amqp-url', urls.join()],
      ...['--database-url', databaseUrl.replace(`:${postgresql.port}/`, `:${port}/`)],
    ]
    const engine = engineAt(postgresql.port, amqpUrls)
    const system = await System.open(
      context,
      { ...times, engine, lookAtStore: () => lookAtLedger(databaseUrl) },
      0,
    )
    for (const no of [0, 1]) {
      await system.startDistributor(no, far?.no === no ? engineAt(far.port, far.amqpUrls) : engine)
    }
    const [direct, behind] = await Promise.all([
      system.startDirectWorker(['--concurrency', '4']),
      system.startWorker(['--concurrency', '4'], system.urlOf(1)),
    ])
    const load = { lanes: 2, pauseMs: 100, reconnectMaxMs: 500 }
    system.startClient({ ...load, name: 'first', watches: true })
    system.startClient({ ...load, name: 'second', url: system.urlOf(1) })
    const cluster = new ClusterLoad(system, direct, behind)
    await cluster.flows()
    return cluster
  }

  /** Clients of both distributors hear confirmations, and both workers start attempts. */
  async flows(workers: readonly LineProcess[] = [this.direct, this.behind]): Promise<void> {
    const { system } = this
    const clients = ['first', 'second']
    const confirmed = clients.map((name) => this.confirmations(name))
    const started = workers.map(({ child }) => startsOf(child.pid!, system.look()))
    await system.until('tasks are confirmed and run everywhere', (seen) => {
      const areConfirmed = clients.every((name, at) => this.confirmations(name) > confirmed[at]! + 5)
      return areConfirmed && workers.every(({ child }, at) => startsOf(child.pid!, seen) > started[at]! + 10)
    })
  }

  confirmations(client: string): number {
    return this.system.look().confirmations.filter(({ asked }) => asked.startsWith(`${client}-`)).length
  }

  /** What a client was told from now on that it is accepted is run. */
  async runs(client: string, count: number): Promise<void> {
    const { system } = this
    const before = new Set(system.look().confirmations.map(({ id }) => id))
    await system.until(`tasks of the client ${client} are run`, ({ confirmations, runs }) => {
      const started = new Set(runs.map(({ id }) => id))
      const fresh = confirmations.filter(({ id, asked }) => asked.startsWith(`${client}-`) && !before.has(id))
      return fresh.filter(({ id }) => started.has(id)).length > count
    })
  }

  /** Submissions at both distributors are confirmed, whoever runs them. */
  async confirms(count: number): Promise<void> {
    const clients = ['first', 'second']
    const before = clients.map((name) => this.confirmations(name))
    await this.system.until('submissions are confirmed', () =>
      clients.every((name, at) => this.confirmations(name) > before[at]! + count),
    )
  }

  /** At least one process more has told it. */
  async told(trouble: string, act: () => unknown): Promise<void> {
    const before = this.system.troubles(trouble)
    await act()
    await this.system.until(`${trouble} is told`, () => this.system.troubles(trouble) > before)
    this.system.count(trouble)
  }
}
