import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type FaultMode, FaultProxy } from '../support/fault-proxy.ts'
import type { LineProcess } from '../support/lines.ts'
import { submission } from '../support/submissions.ts'
import { atEnd } from '../support/temporary.ts'
import { startsOf } from './history.ts'
import { ROUNDS, System } from './system.ts'

/** A system whose one worker and one client sit behind bad networks of their own; a second client sits beside the distributor. */
class BadNetwork {
  readonly system: System
  readonly worker: LineProcess
  readonly proxies: readonly FaultProxy[]

  private constructor(system: System, worker: LineProcess, proxies: readonly FaultProxy[]) {
    this.system = system
    this.worker = worker
    this.proxies = proxies
  }

  static async open(context: TestContext): Promise<BadNetwork> {
    const system = await System.open(context, { leaseMs: 3_000, reconnectGraceMs: 500 })
    const proxies = [
      await FaultProxy.open({ port: system.port }),
      await FaultProxy.open({ port: system.port }),
    ] as const
    for (const proxy of proxies) atEnd(context, () => proxy.close())
    const worker = await system.startWorker(['--concurrency', '4'], proxies[0].url)
    system.startClient({ name: 'far', lanes: 4, pauseMs: 30, watches: true, url: proxies[1].url })
    system.startClient({ name: 'near', lanes: 2, pauseMs: 30 })
    return new BadNetwork(system, worker, proxies)
  }

  /** Both are at work (again): the far client hears confirmations, and the worker starts attempts. */
  async flows(): Promise<void> {
    const { system } = this
    const confirmed = this.#confirmations()
    const started = startsOf(this.worker.child.pid!, system.look())
    await system.until(
      'work goes on over the mended network',
      (seen) =>
        this.#confirmations() > confirmed + 5 && startsOf(this.worker.child.pid!, seen) > started + 20,
    )
  }

  #confirmations(): number {
    return this.system.history.confirmations.filter(({ asked }) => asked.startsWith('far-')).length
  }

  /** They have noticed, and look for another way. */
  async noticed(proxies = this.proxies): Promise<void> {
    const connections = proxies.map((proxy) => proxy.connections)
    await this.system.until('the break is noticed', () =>
      proxies.every((proxy, index) => proxy.connections > connections[index]!),
    )
  }

  set mode(mode: FaultMode) {
    for (const proxy of this.proxies) proxy.mode = mode
  }
}

describe('between distributor, worker and client', () => {
  test('connections that are reset, cut in the middle of a message, or refused: everything is final in the end', async (context) => {
    const network = await BadNetwork.open(context)
    const { system, proxies } = network
    for (let round = 0; round < 2 * ROUNDS; round++) {
      await network.flows()
      for (const proxy of proxies) proxy.reset()
      system.count('resets')
      await network.flows()
      for (const proxy of proxies) proxy.cutAfterBytes = 1 + system.random.below(20_000)
      await system.until('the cuts were made', () =>
        proxies.every(({ cutAfterBytes }) => cutAfterBytes === Number.POSITIVE_INFINITY),
      )
      system.count('cuts')
      await network.flows()
      network.mode = 'refuse'
      for (const proxy of proxies) proxy.reset()
      await network.noticed()
      network.mode = 'up'
      system.count('refusals')
      await network.flows()
    }
    const { facts } = await system.judge({ lateStartMs: 15_000 })
    assert.equal(facts.unconfirmed, 0)
  })

  test('a connection that is reset while an attempt runs for longer than the time of grace: it is taken up and not run again', async (context) => {
    const system = await System.open(context)
    const proxy = await FaultProxy.open({ port: system.port })
    atEnd(context, () => proxy.close())
    await system.startWorker(['--concurrency', '2'], proxy.url)
    await system.submit([submission('long', { type: 'work', dataText: '{"ms":5000}' })])
    await system.until('it runs', ({ runs }) => runs.length === 1)
    await system.startWorker(['--concurrency', '2'])
    proxy.reset()
    const [record] = await (await system.engine()).wait(['long'], 30_000)
    assert.deepEqual(
      { state: record?.state, attempt: record?.attempt, crashes: record?.crashes },
      { state: 'succeeded', attempt: 1, crashes: 0 },
    )
    const { facts } = await system.judge({ lateStartMs: 0 })
    assert.equal(facts.repeatedStarts, 0)
  })

  for (const mode of ['blackhole-up', 'blackhole-down', 'half-open'] as const) {
    test(`connections that fall silent (${mode}): everything is final in the end`, async (context) => {
      const network = await BadNetwork.open(context)
      await network.flows()
      network.mode = mode
      // A client that still hears events has no reason to doubt its connection; what it says waits for its deadline. The worker's end of
      // the silence is the distributor, which hears nothing of the leases.
      await network.noticed(mode === 'blackhole-up' ? network.proxies.slice(0, 1) : network.proxies)
      network.mode = 'up'
      network.system.count('silences')
      await network.flows()
      const { facts } = await network.system.judge({ lateStartMs: 15_000 })
      assert.equal(facts.unconfirmed, 0)
    })
  }
})
