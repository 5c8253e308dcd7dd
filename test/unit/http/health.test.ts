/** `/healthz` and `/readyz`: each way to be unready, with its reason. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Engine, EngineReport } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { eventually } from '../../support/eventually.ts'
import { openHttpServer } from '../../support/http-server.ts'

/** A memory engine whose report can be made to say something else: the silence of a broker is shown for real in test/campaigns. */
function engineThatReports(report: () => Promise<Partial<EngineReport>>): Engine {
  const engine = openMemoryEngine({})
  const real = engine.inspect.bind(engine)
  engine.inspect = async () => {
    const added = await report()
    return { ...(await real()), ...added }
  }
  return engine
}

async function reasons(context: TestContext, engine: Engine): Promise<[number, string[]]> {
  const { ask } = await openHttpServer(context, { engine })
  context.after(() => engine.close())
  const answer = await ask('GET', '/readyz')
  return [answer.status, answer.body.reasons.map(({ reason }: { reason: string }) => reason)]
}

test('a server that works is alive and ready', async (context) => {
  const { ask } = await openHttpServer(context)
  assert.deepEqual((await ask('GET', '/healthz')).body, { alive: true })
  assert.equal((await ask('HEAD', '/healthz')).status, 200)
  const ready = await ask('GET', '/readyz')
  assert.deepEqual([ready.status, ready.body], [200, { ready: true, reasons: [] }])
})

test('a server that was told to stop is alive and not ready, at once', async (context) => {
  const { ask, distributor } = await openHttpServer(context)
  assert.equal((await ask('GET', '/readyz')).status, 200)
  distributor.announceEnd()
  const drained = await ask('GET', '/readyz')
  assert.equal(drained.status, 503)
  assert.equal(drained.body.reasons[0].reason, 'draining')
  assert.match(drained.body.reasons[0].message, /told to stop/)
  assert.equal((await ask('GET', '/healthz')).status, 200)
})

test('a queue that delivers nothing while work waits is a reason', async (context) => {
  let asked = 0
  const engine = engineThatReports(async () => (asked++ === 0 ? {} : { store: { consumption: 'silent' } }))
  assert.deepEqual(await reasons(context, engine), [503, ['consumption-silent']])
})

test('a store that cannot be read is a reason', async (context) => {
  let asked = 0
  const engine = engineThatReports(async () => {
    if (asked++ > 0) throw new Error('gone')
    return {}
  })
  assert.deepEqual(await reasons(context, engine), [503, ['store-failed']])
})

test('a store that does not answer is a reason, and becomes none when it does', async (context) => {
  const hangs = Promise.withResolvers<Partial<EngineReport>>()
  let asked = 0
  const engine = engineThatReports(async () => (asked++ === 0 ? {} : hangs.promise))
  const { ask } = await openHttpServer(context, { engine })
  context.after(() => engine.close())
  const slow = await ask('GET', '/readyz')
  assert.deepEqual([slow.status, slow.body.reasons[0].reason], [503, 'store-slow'])
  hangs.resolve({})
  await eventually('that it is ready again', async () => (await ask('GET', '/readyz')).status === 200, 60_000)
})

test('however often it is asked, the store is looked at once a second', async (context) => {
  let looks = 0
  const engine = engineThatReports(async () => {
    looks++
    return {}
  })
  const { ask } = await openHttpServer(context, { engine })
  context.after(() => engine.close())
  looks = 0
  const beganMs = Date.now()
  await Promise.all(Array.from({ length: 50 }, () => ask('GET', '/readyz')))
  assert.ok(looks <= 1 + (Date.now() - beganMs) / 1_000, `${looks} looks`)
})
