import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { submission } from '../../support/submissions.ts'
import { openWireServer } from '../../support/wire-server.ts'

const LEASE_MS = 300

async function open(context: TestContext) {
  const server = await openWireServer(context, {
    limits: { leaseMs: LEASE_MS },
    memory: { leaseMs: LEASE_MS },
  })
  const worker = await server.connect()
  await worker.ask('work.consume', { slots: 1 })
  return { server, worker }
}

describe('a worker that lets its leases lapse', () => {
  test('and says nothing at all is cut off, so that others get its tasks', async (context) => {
    const { server, worker } = await open(context)
    await server.engine.submit([submission('a')], 'disk')
    await worker.notification('work.deliver')
    await worker.ended()
    assert.ok(server.logged.some(({ event }) => event === 'session.silent'))

    const other = await server.connect()
    await other.ask('work.consume', { slots: 1 })
    const { deliveries } = await other.notification('work.deliver')
    assert.equal(deliveries[0].task.id, 'a')
  })

  test('but says something is alive, and keeps its connection', async (context) => {
    const { server, worker } = await open(context)
    await server.engine.submit([submission('a')], 'disk')
    const [delivery] = (await worker.notification('work.deliver')).deliveries
    let revoked = false
    void worker.notification('work.revoke').then(() => {
      revoked = true
    })
    while (!revoked) {
      await worker.ask('task.get', { ids: [] })
      await sleep(LEASE_MS / 20)
    }
    const late = { id: 'a', epoch: delivery.epoch, kind: 'returned', value: 1 }
    const { settled } = await worker.ask('work.settle', { outcomes: [late] })
    assert.equal(settled[0].accepted, false)
    assert.ok(!server.logged.some(({ event }) => event === 'session.silent'))
  })

  test('is not taken for one when its task is cancelled after a long rest', async (context) => {
    const { server, worker } = await open(context)
    // Longer than a lease nothing is asked of it, and it says nothing.
    await sleep(2 * LEASE_MS)
    await server.engine.submit([submission('a')], 'disk')
    await worker.notification('work.deliver')
    await server.engine.cancel(['a'])
    await worker.notification('work.revoke')
    assert.deepEqual((await worker.ask('task.get', { ids: ['a'] })).tasks[0].state, 'canceled')
    assert.ok(!server.logged.some(({ event }) => event === 'session.silent'))
  })
})
