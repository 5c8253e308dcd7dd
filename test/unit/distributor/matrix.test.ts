/**
 * Every method × every kind of identity × a queue of its own and a foreign one. What is expected is written out: `yes` it is done, `-` it is answered
 * exactly as if the task, queue or lease did not exist, `no` FORBIDDEN, `who` UNAUTHENTICATED.
 */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Grant } from '../../../src/distributor/access/rights.ts'
import { COMMANDS } from '../../../src/distributor/commands.ts'
import { issue } from '../../support/tokens.ts'
import type { WireClient } from '../../support/wire-client.ts'
import { openWireServer } from '../../support/wire-server.ts'

const ALL = ['submit', 'read', 'cancel', 'retry', 'observe'] as const
const inA = (...rights: Grant['rights']): { grants: readonly Grant[] } => ({
  grants: [{ rights, queues: ['a-*'] }],
})

const WHO = {
  root: { roles: ['admin'] },
  clerk: inA(...ALL),
  tenant: { grants: [{ rights: ALL, queues: ['*'], keys: ['ana'] }] },
  reader: inA('read'),
  hand: inA('work'),
  sender: inA('submit'),
}
const NAMES = [...Object.keys(WHO), 'stranger']

// The names above, in their order; own queue and key/foreign ones.
const EXPECTED: Readonly<Record<string, string>> = {
  'session.hello': 'yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes',
  'session.ping': 'yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes',
  'rpc.discover': 'yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes who/who',
  'task.submit': 'yes/yes yes/no yes/no no/no no/no yes/no who/who',
  'task.get': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.list': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.wait': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.watch': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.unwatch': 'yes/yes yes/yes yes/yes yes/yes no/no no/no who/who',
  'task.log': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.cancel': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'task.retry': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'work.consume': 'yes/yes no/no no/no no/no yes/no no/no who/who',
  'work.stop': 'yes/yes no/no no/no no/no yes/yes no/no who/who',
  'work.settle': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.extend': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.release': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.progress': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.log': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'queue.list': 'yes/yes yes/- -/- no/no no/no no/no who/who',
  'worker.list': 'yes/yes yes/- -/- no/no no/no no/no who/who',
  'system.stats': 'yes/yes yes/- -/- no/no no/no no/no who/who',
}

interface Place {
  readonly queue: string
  readonly key: string
}
const OWN: Place = { queue: 'a-mail', key: 'ana' }
const FOREIGN: Place = { queue: 'b-mail', key: 'bob' }

// biome-ignore lint/suspicious/noExplicitAny: whatever the wire says.
type Reply = any
/** What is asked, and whether the result says that it was done or seen. */
type Probe = (
  stage: Stage,
  place: Place,
) => Promise<
  readonly [params: object, isDone: (result: Reply, wire: WireClient) => boolean | Promise<boolean>]
>

const always: Probe = async () => [{}, () => true]
const onTask =
  (isDone: (result: Reply) => boolean): Probe =>
  async (stage, place) => [{ ids: [await stage.queued(place)] }, isDone]
const onLease =
  (params: (lease: { id: string; epoch: number }) => object, isDone: (result: Reply) => boolean): Probe =>
  async (stage, place) => [params(await stage.running(place)), isDone]
const naming: Probe = async (_, { queue }) => [{}, (result) => JSON.stringify(result).includes(`"${queue}"`)]

const PROBES: Readonly<Record<string, Probe>> = {
  'session.hello': always,
  'session.ping': always,
  'rpc.discover': always,
  'task.submit': async (_, { queue, key }) => [
    { tasks: [{ id: id(), type: 'sumar', queue, key }] },
    ({ receipts }) => receipts[0].state === 'queued',
  ],
  'task.get': onTask(({ tasks }) => tasks[0] !== null),
  'task.list': async (stage, place) => {
    await stage.queued(place)
    return [{ queue: place.queue }, ({ tasks }) => tasks.length > 0]
  },
  'task.wait': async (stage, place) => [
    { ids: [await stage.queued(place)], timeoutMs: 20 },
    ({ tasks }) => tasks[0] !== null,
  ],
  'task.watch': async (stage, place) => [
    {},
    async (_, wire) => {
      await stage.queued(place)
      // Events of one turn come before the answer to a later request.
      for (let turn = 0; turn < 3; turn++) await wire.ask('session.ping')
      return wire.lines.some((line) => line.includes(`"${place.queue}"`))
    },
  ],
  'task.unwatch': async () => [{ watch: 'w9' }, () => true],
  'task.log': async (stage, place) => [{ id: await stage.failed(place) }, ({ lines }) => lines.length > 0],
  'task.cancel': onTask(({ tasks }) => tasks[0]?.changed === true),
  'task.retry': async (stage, place) => [
    { ids: [await stage.failed(place)] },
    ({ tasks }) => tasks[0]?.changed === true,
  ],
  'work.consume': async (_, { queue }) => [
    { queues: [queue], types: ['nothing'] },
    ({ consumer }) => consumer !== undefined,
  ],
  'work.stop': async () => [{ consumer: 'c9' }, () => true],
  'work.settle': onLease(
    (lease) => ({ outcomes: [{ ...lease, kind: 'returned', value: 1 }] }),
    ({ settled }) => settled[0].accepted,
  ),
  'work.extend': onLease(
    (lease) => ({ leases: [lease] }),
    ({ extended }) => extended[0].accepted,
  ),
  'work.release': onLease(
    (lease) => ({ leases: [lease] }),
    ({ released }) => released[0].accepted,
  ),
  'work.progress': onLease(
    (lease) => ({ ...lease, done: 1 }),
    ({ accepted }) => accepted,
  ),
  'work.log': onLease(
    (lease) => ({ ...lease, lines: [{ level: 'info', text: 'x' }] }),
    ({ accepted }) => accepted,
  ),
  'queue.list': naming,
  'worker.list': naming,
  'system.stats': naming,
}

let made = 0
function id(): string {
  return `task-${++made}`
}

class Stage {
  readonly #root: WireClient

  constructor(root: WireClient) {
    this.#root = root
  }

  async open(): Promise<void> {
    await this.#root.ask('work.consume', {
      queues: [OWN.queue, FOREIGN.queue],
      types: ['lease'],
      slots: 1000,
      prefetch: 1,
    })
  }

  async queued({ queue, key }: Place): Promise<string> {
    const { receipts } = await this.#root.ask('task.submit', {
      tasks: [{ id: id(), type: 'sumar', queue, key }],
    })
    return receipts[0].id
  }

  async running({ queue, key }: Place): Promise<{ id: string; epoch: number }> {
    const task = { id: id(), type: 'lease', queue, key }
    await this.#root.ask('task.submit', { tasks: [task] })
    const isMine = (message: Reply) =>
      message.params?.deliveries?.some((delivery: Reply) => delivery.task.id === task.id)
    const { params } = await this.#root.find('the delivery', isMine)
    const { epoch } = params.deliveries.find((delivery: Reply) => delivery.task.id === task.id)
    return { id: task.id, epoch }
  }

  async failed(place: Place): Promise<string> {
    const lease = await this.running(place)
    await this.#root.ask('work.log', { ...lease, lines: [{ level: 'info', text: 'a line' }] })
    const outcome = { ...lease, kind: 'threw', error: { message: 'no', retryable: false } }
    await this.#root.ask('work.settle', { outcomes: [outcome] })
    return lease.id
  }
}

async function probe(
  server: Awaited<ReturnType<typeof openWireServer>>,
  token: string | undefined,
  method: string,
  stage: Stage,
  place: Place,
): Promise<string> {
  const [params, isDone] = await PROBES[method]!(stage, place)
  const wire = await server.connect()
  if (token !== undefined) await wire.ask('session.hello', { token })
  const reply = await wire.call(method, params)
  const name = reply.error?.data.name ?? reply.error?.code
  const answer =
    name === 'FORBIDDEN'
      ? 'no'
      : name === 'UNAUTHENTICATED'
        ? 'who'
        : name !== undefined
          ? `error ${name}`
          : (await isDone(reply.result, wire))
            ? 'yes'
            : '-'
  wire.destroy()
  return answer
}

async function openStage(t: TestContext) {
  const { tokens, access } = issue(WHO)
  const audited: { act: string; result: string; who: string }[] = []
  const server = await openWireServer(t, { access, audit: { record: (entry) => void audited.push(entry) } })
  const root = await server.connect()
  await root.ask('session.hello', { token: tokens.root })
  const stage = new Stage(root)
  await stage.open()
  return { server, tokens, stage, audited }
}

test('the matrix speaks of every method, and every method declares the right that it needs', () => {
  assert.deepEqual(Object.keys(EXPECTED).sort(), [...COMMANDS.keys()].sort())
  assert.deepEqual(Object.keys(PROBES).sort(), [...COMMANDS.keys()].sort())
  const rights = ['none', 'any', 'submit', 'read', 'cancel', 'retry', 'work', 'observe', 'admin']
  for (const [method, { right }] of COMMANDS) assert.ok(rights.includes(right), `${method} declares no right`)
  const open = [...COMMANDS].filter(([, { right }]) => right === 'none').map(([method]) => method)
  assert.deepEqual(open.sort(), ['session.hello', 'session.ping'])
})

test('each method does for each identity what is written, and nothing else', async (t) => {
  const { server, tokens, stage } = await openStage(t)
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

test('who may steer leaves a trace in the audit log, and so does each refusal', async (t) => {
  const { server, tokens, stage, audited } = await openStage(t)
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
    assert.deepEqual(await trace('clerk', method, FOREIGN), [`refused ${method}`, `allowed ${method}`])
    assert.deepEqual(await trace('reader', method, OWN), [`refused ${method}`])
  }
  assert.deepEqual(await trace('clerk', 'task.submit', FOREIGN), ['refused task.submit'])
  assert.deepEqual(await trace('reader', 'task.get', FOREIGN), ['refused task.get'])
  assert.deepEqual(await trace('stranger', 'task.get', OWN), ['refused task.get'])
})

test('a refusal of what is hidden reads exactly like the answer about what never was', async (t) => {
  const { server, tokens, stage } = await openStage(t)
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
    assert.deepEqual(await wire.ask(method, params(hidden)), await wire.ask(method, params('never')), method)
  }
})

test('a retry by filter takes up only what may be retried', async (t) => {
  const { server, tokens, stage } = await openStage(t)
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

test('a tenant with one key need not say it, cannot say another, and shares no dedupe keys', async (t) => {
  const { server, tokens } = await openStage(t)
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
  assert.deepEqual(receipts, [{ id: 'mine', state: 'queued', duplicate: false, durability: 'memory' }])
  const { tasks } = await wire.ask('task.get', { ids: ['mine', 'theirs'] })
  assert.equal(tasks[0].key, 'ana')
  assert.equal(tasks[1], null)
})

test('events of a queue are told to a tenant only where the key is his', async (t) => {
  const { server, tokens } = await openStage(t)
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
