/** The matrix of rights (matrix-table.ts), and what else must hold where two parties share a server: on every engine that keeps tasks. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { COMMANDS } from '../../../src/distributor/commands.ts'
import { issue } from '../../support/tokens.ts'
import { openWireServer } from '../../support/wire-server.ts'
import { KINDS, type Kind } from './engines.ts'
import { FOREIGN, id, OWN, type Place, PROBES, probe, type Reply, Stage } from './matrix-probes.ts'
import { EXPECTED, NAMES, WHO } from './matrix-table.ts'

async function openStage(t: TestContext, store: Kind['store']) {
  const { tokens, access } = issue(WHO)
  const audited: { act: string; result: string; who: string }[] = []
  const engine = await (await store(t))()
  const server = await openWireServer(t, {
    engine,
    access,
    audit: { record: (entry) => void audited.push(entry) },
  })
  // Hooks run in their order: after the server.
  t.after(() => engine.close())
  const root = await server.connect()
  await root.ask('session.hello', { token: tokens.root })
  const stage = new Stage(root)
  await stage.open()
  return { server, tokens, stage, audited }
}

test('the matrix speaks of every method, and every method declares the right that it needs', () => {
  assert.deepEqual(Object.keys(EXPECTED).sort(), [...COMMANDS.keys()].sort())
  assert.deepEqual(Object.keys(PROBES).sort(), [...COMMANDS.keys()].sort())
  const rights = [
    'none',
    'any',
    'submit',
    'read',
    'cancel',
    'retry',
    'work',
    'cron',
    'observe',
    'metrics',
    'admin',
  ]
  for (const [method, { right }] of COMMANDS) assert.ok(rights.includes(right), `${method} declares no right`)
  const open = [...COMMANDS].filter(([, { right }]) => right === 'none').map(([method]) => method)
  assert.deepEqual(open.sort(), ['session.hello', 'session.ping'])
})

for (const { kind, durability, skip, store } of KINDS) {
  test(`${kind}: each method does for each identity what is written, and nothing else`, {
    skip,
  }, async (t) => {
    const { server, tokens, stage } = await openStage(t, store)
    for (const [method, expected] of Object.entries(EXPECTED)) {
      const found: string[] = []
      for (const name of NAMES) {
        const own = await probe(server, tokens[name], method, stage, OWN)
        const foreign = await probe(server, tokens[name], method, stage, FOREIGN)
        found.push(`${own}/${foreign}`)
      }
      assert.equal(found.join(' '), expected, method)
    }
  })

  test(`${kind}: who may steer leaves a trace in the audit log, and so does each refusal`, {
    skip,
  }, async (t) => {
    const { server, tokens, stage, audited } = await openStage(t, store)
    const trace = async (name: string, method: string, place: Place) => {
      audited.length = 0
      await probe(server, tokens[name], method, stage, place)
      return audited
        .filter(({ who }) => who !== 'root' || name === 'root')
        .map(({ result, act }) => `${result} ${act}`)
    }
    for (const [method, { right }] of COMMANDS) {
      if (!['cancel', 'retry', 'admin'].includes(right)) continue
      assert.ok(
        (await trace('root', method, OWN)).includes(`allowed ${method}`),
        `${method} is not written down`,
      )
      const traces = right === 'admin' ? [`refused ${method}`] : [`refused ${method}`, `allowed ${method}`]
      assert.deepEqual(await trace('clerk', method, FOREIGN), traces)
      assert.deepEqual(await trace('reader', method, OWN), [`refused ${method}`])
    }
    for (const [method, { right }] of COMMANDS) {
      if (right !== 'cron') continue
      assert.deepEqual((await trace('root', method, OWN)).at(-1), `allowed ${method}`)
      assert.deepEqual(await trace('clerk', method, FOREIGN), [`refused ${method}`])
    }
    assert.deepEqual(await trace('clerk', 'task.submit', FOREIGN), ['refused task.submit'])
    assert.deepEqual(await trace('reader', 'task.get', FOREIGN), ['refused task.get'])
    assert.deepEqual(await trace('stranger', 'task.get', OWN), ['refused task.get'])
  })

  test(`${kind}: a refusal of what is hidden reads exactly like the answer about what never was`, {
    skip,
  }, async (t) => {
    const { server, tokens, stage } = await openStage(t, store)
    const wire = await server.connect()
    await wire.ask('session.hello', { token: tokens.clerk })
    const hidden = await stage.failed(FOREIGN)
    for (const [method, params] of [
      ['task.get', (name: string) => ({ ids: [name] })],
      ['task.wait', (name: string) => ({ ids: [name], timeoutMs: 10_000 })],
      ['task.cancel', (name: string) => ({ ids: [name] })],
      ['task.retry', (name: string) => ({ ids: [name] })],
      ['task.log', (name: string) => ({ id: name })],
    ] as const) {
      assert.deepEqual(
        await wire.ask(method, params(hidden)),
        await wire.ask(method, params('never')),
        method,
      )
    }
  })

  test(`${kind}: a retry by filter takes up only what may be retried`, { skip }, async (t) => {
    const { server, tokens, stage } = await openStage(t, store)
    const [own, foreign] = [await stage.failed(OWN), await stage.failed(FOREIGN)]
    const wire = await server.connect()
    await wire.ask('session.hello', { token: tokens.clerk })
    const { tasks, more } = await wire.ask('task.retry', { filter: {} })
    assert.deepEqual(
      tasks.map((task: Reply) => task.id),
      [own],
    )
    assert.equal(more, false)
    const root = await server.connect()
    await root.ask('session.hello', { token: tokens.root })
    const { tasks: after } = await root.ask('task.get', { ids: [foreign] })
    assert.equal(after[0].state, 'failed')
  })

  test(`${kind}: a tenant with one key need not say it, cannot say another, and shares no dedupe keys`, {
    skip,
  }, async (t) => {
    const { server, tokens } = await openStage(t, store)
    const wire = await server.connect()
    await wire.ask('session.hello', { token: tokens.tenant })
    const root = await server.connect()
    await root.ask('session.hello', { token: tokens.root })
    await root.ask('task.submit', {
      tasks: [{ id: 'theirs', type: 'x', queue: 'q', key: 'bob', dedupeKey: 'd' }],
    })
    const { receipts } = await wire.ask('task.submit', {
      tasks: [{ id: 'mine', type: 'x', queue: 'q', dedupeKey: 'd' }],
    })
    assert.deepEqual(receipts, [{ id: 'mine', state: 'queued', duplicate: false, durability }])
    const { tasks } = await wire.ask('task.get', { ids: ['mine', 'theirs'] })
    assert.equal(tasks[0].key, 'ana')
    assert.equal(tasks[1], null)
  })

  test(`${kind}: events of a queue are told to a tenant only where the key is his`, { skip }, async (t) => {
    const { server, tokens } = await openStage(t, store)
    const wire = await server.connect()
    await wire.ask('session.hello', { token: tokens.tenant })
    const root = await server.connect()
    await root.ask('session.hello', { token: tokens.root })
    await wire.ask('task.watch', { queue: 'q' })
    for (const key of ['bob', 'ana', 'bob', 'ana']) {
      await root.ask('task.submit', { tasks: [{ id: id(), type: `of-${key}`, queue: 'q', key }] })
    }
    const types = [await wire.notification('task.event'), await wire.notification('task.event')].map(
      ({ event, type }) => type ?? event?.type,
    )
    assert.deepEqual(types, ['of-ana', 'of-ana'])
    assert.ok(!wire.lines.some((line) => line.includes('of-bob')))
  })
}
