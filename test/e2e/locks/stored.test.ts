/** How much an identity may keep in the store: held on every engine, over restarts, until retention makes room. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { accountOf } from '../../../src/distributor/access/stored-bytes.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { STORED_LOOK_MS, STORED_RETRY_AFTER_MS } from '../../../src/task/limits.ts'
import { eventually } from '../../support/eventually.ts'
import { issue } from '../../support/tokens.ts'
import type { WireClient } from '../../support/wire-client.ts'
import { openWireServer } from '../../support/wire-server.ts'
import { KINDS } from './engines.ts'

const DEADLINE_MS = 90_000
const RETENTION_MS = 3_600_000
/** As JSON, with its quotes: a thousand bytes, though fewer characters. */
const KILOBYTE = `${'ñ'.repeat(100)}${'x'.repeat(798)}`
const client = ['submit', 'read', 'cancel'] as const
const issued = issue({
  root: { roles: ['admin'] },
  ana: { grants: [{ rights: client, queues: ['*'] }], limits: { storedBytes: 10_000 } },
  bob: { grants: [{ rights: client, queues: ['*'], keys: ['bob'] }], limits: { storedBytes: 3_000 } },
})
const ANA = accountOf({ kind: 'token', name: 'ana' })

async function serve(t: TestContext, engine: Engine, clock: VirtualClock) {
  const server = await openWireServer(t, { engine, access: issued.access, clock })
  const as = async (name: string) => {
    const wire = await server.connect()
    await wire.ask('session.hello', { token: issued.tokens[name] })
    return wire
  }
  return { server, root: await as('root'), ana: await as('ana'), bob: await as('bob') }
}

async function owners(engine: Engine): Promise<Readonly<Record<string, number>>> {
  return (await engine.inspect()).owners!()
}

let made = 0
/** Submits so many tasks of a kilobyte each, and answers with the ids that were taken and the error of the first that was not. */
async function submit(wire: WireClient, count: number, more: object = {}) {
  const tasks = Array.from({ length: count }, () => ({
    id: `t${++made}`,
    type: 'x',
    data: KILOBYTE,
    ...more,
  }))
  // Where none was taken, the call as a whole fails.
  const { result, error } = await wire.call('task.submit', { tasks })
  const { receipts } = result ?? error.data.details
  type Answer = { id: string; error?: { name: string; retryAfterMs?: number } }
  const ids = (receipts as Answer[]).filter(({ error }) => error === undefined).map(({ id }) => id)
  return { ids, error: (receipts as Answer[]).find(({ error }) => error !== undefined)?.error }
}

for (const { kind, skip, store } of KINDS) {
  test(`${kind}: what an identity stores is counted by the store, and survives restarts until it is forgotten`, {
    skip,
  }, async (t) => {
    const clock = new VirtualClock(Date.now())
    const look = () => clock.advance(STORED_LOOK_MS)
    const open = await store(t)
    let engine = await open({ clock, retentionMs: RETENTION_MS })
    t.after(() => engine.close())
    let { server, root, ana, bob } = await serve(t, engine, clock)

    const stop = async () => {
      // Nobody is left to linger for: this clock stands still.
      for (const wire of [root, ana, bob]) wire.destroy()
      await server.distributor.close({ deadlineMs: 1_000 })
      await engine.close()
    }

    const first = await submit(ana, 12)
    assert.equal(first.ids.length, 10)
    assert.deepEqual([first.error?.name, first.error?.retryAfterMs], ['RETRY_AFTER', STORED_RETRY_AFTER_MS])
    await look()
    assert.deepEqual((await submit(ana, 1)).ids, [])
    assert.equal((await submit(bob, 4)).ids.length, 3)
    assert.equal((await submit(root, 20)).ids.length, 20)
    const huge = await ana.refusal('task.submit', { tasks: [{ type: 'x', data: KILOBYTE.repeat(11) }] })
    assert.equal(huge, 'INVALID_PARAMS')
    // The accounts of others are nobody's business.
    assert.ok(!JSON.stringify(await root.ask('system.stats')).includes(ANA))

    await ana.ask('task.cancel', { ids: first.ids.slice(0, 4) })
    await look()
    assert.deepEqual((await submit(ana, 1)).ids, [], 'final tasks are kept, and count')

    if (kind === 'memory') await clock.advance(RETENTION_MS + 1)
    else {
      await stop()
      engine = await open({ retentionMs: RETENTION_MS })
      ;({ server, root, ana, bob } = await serve(t, engine, clock))
      assert.deepEqual((await submit(ana, 1)).ids, [], 'after a restart')
      await stop()
      engine = await open({ retentionMs: 1 })
      ;({ server, root, ana, bob } = await serve(t, engine, clock))
    }
    await eventually('the four are forgotten', async () => (await owners(engine))[ANA] === 6_000, DEADLINE_MS)
    await look()
    assert.equal((await submit(ana, 9)).ids.length, 4)
    assert.equal((await owners(engine))[ANA], 10_000)
  })

  test(`${kind}: nothing that a client says changes whose account it is on`, { skip }, async (t) => {
    const clock = new VirtualClock(Date.now())
    const engine = await (await store(t))()
    t.after(() => engine.close())
    const { ana, root } = await serve(t, engine, clock)
    const forged = '"owned":["aaaaaaaaaaaaaaaaaaaaaa",999999]'
    for (const metadata of [
      { owned: '["aaaaaaaaaaaaaaaaaaaaaa",999999]' },
      { owned: forged },
      { [`x${forged}`]: forged },
      { a: `\\${forged}` },
    ]) {
      assert.equal((await submit(ana, 1, { metadata })).ids.length, 1)
      assert.equal((await submit(root, 1, { metadata, key: forged })).ids.length, 1)
    }
    // The same task of somebody else is the same task, and stays on the account that it is on.
    const task = { id: 'shared', type: 'x', data: KILOBYTE }
    for (const [wire, duplicate] of [
      [ana, false],
      [root, true],
    ] as const) {
      const { receipts } = await wire.ask('task.submit', { tasks: [task] })
      assert.equal(receipts[0].duplicate, duplicate)
    }
    const said = { type: 'x', owned: ['aaaaaaaaaaaaaaaaaaaaaa', 9] }
    assert.equal(await root.refusal('task.submit', { tasks: [said] }), 'INVALID_PARAMS')
    await clock.advance(STORED_LOOK_MS)
    assert.deepEqual(await owners(engine), { [ANA]: 5_000 })
  })
}
