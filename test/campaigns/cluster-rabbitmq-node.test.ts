/** One RabbitMQ node under a cluster at work: killed, wiped, full, closing connections, losing queues, forgetting consumers. */

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, type TestContext, test } from 'node:test'
import { connect } from 'amqplib'
import { openRemoteEngine } from '../../src/engine/remote/remote-engine.ts'
import { ClusterLoad } from '../faults/cluster-load.ts'
import { LATE_START_MS } from '../faults/cluster-system.ts'
import { startsOf } from '../faults/history.ts'
import { ROUNDS } from '../faults/system.ts'
import { fileScope } from '../support/file-scope.ts'
import { openPostgreSql, type PostgreSql } from '../support/postgresql.ts'
import { openRabbitMq, type RabbitMq } from '../support/rabbitmq.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { submission } from '../support/submissions.ts'
import { atEnd } from '../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const scope = fileScope()
const END = { lateStartMs: LATE_START_MS }
/** A confirm that does not come, a try that is not answered, a queue made anew: each has a deadline of 10 to 15 seconds. */
const LEADERLESS_MS = 180_000
const FIRST_LANE = 'chasqui.lane.1.default.work.4'
let rabbitmq: RabbitMq
let postgresql: PostgreSql
let hosts = 0

before(async () => {
  if (skip !== false) return
  ;[rabbitmq, postgresql] = await Promise.all([
    openRabbitMq(scope, {
      advanced: ['{rabbit,[{quorum_tick_interval,1000},{channel_tick_interval,1000}]}'],
    }),
    openPostgreSql(scope),
  ])
})

interface Host {
  readonly load: ClusterLoad
  readonly name: string
}

/** Each test has a virtual host and a database of its own. */
async function open(context: TestContext): Promise<Host> {
  const name = `host${++hosts}`
  const url = await rabbitmq.addVirtualHost(name)
  const load = await ClusterLoad.open(context, { postgresql, amqpUrls: [url] })
  return { load, name }
}

interface QueueRow {
  readonly name: string
  readonly messages_ready?: number
}

async function queuesOf(host: string): Promise<QueueRow[]> {
  return (await rabbitmq.api('GET', `queues/${host}`)) as QueueRow[]
}

/** What happens when a quorum queue loses a consumer on the way: nobody is told, and messages wait. */
async function silenceConsumers(host: string): Promise<number> {
  const said = await rabbitmq.ctl([
    'eval',
    `length([{ok, _, _} = ra:process_command(amqqueue:get_pid(Q), rabbit_fifo:make_checkout({element(2, C), element(1, C)}, cancel, #{}))
      || Q <- rabbit_amqqueue:list(<<"${host}">>), amqqueue:get_type(Q) =:= rabbit_quorum_queue, C <- rabbit_amqqueue:consumers(Q),
         binary:match(element(4, amqqueue:get_name(Q)), <<".lane.">>) =/= nomatch]).`,
  ])
  return Number(said)
}

describe('RabbitMQ under a cluster at work', { skip }, () => {
  test('killed and started again: what was confirmed is run, and everybody works again without help', async (context) => {
    const { load } = await open(context)
    const { system } = load
    for (let round = 0; round < ROUNDS; round++) {
      await rabbitmq.flush()
      await load.told('broker-lost', () => rabbitmq.kill())
      // Lanes that nobody has seen before, for which there is no queue and no subscription yet.
      const priorities = [0, 1, 2].map((step) => (step + 5 * round) % 10)
      await system.submit(
        priorities.map((priority) =>
          submission(`lane ${priority} of round ${round}`, { type: 'work', dataText: '{"ms":1}', priority }),
        ),
      )
      await load.confirms(20)
      await rabbitmq.start()
      await load.flows()
    }
    await system.judge(END)
  })

  test('killed a moment after it made a lane, so that it comes back without a leader for it: the lane is given up and made anew', async (context) => {
    const { load, name } = await open(context)
    const { system } = load
    const task = (id: string) => submission(id, { type: 'work', dataText: '{"ms":1}', priority: 9 })
    await rabbitmq.flush()
    await system.submit([task('before')])
    await system.until('its lane is there', async () =>
      (await queuesOf(name)).some((queue) => queue.name.endsWith('.work.9')),
    )
    await rabbitmq.kill()
    await rabbitmq.start()
    await system.submit([task('after')])
    const records = await (await system.engine()).wait(['before', 'after'], LEADERLESS_MS)
    assert.deepEqual(
      records.map((record) => record?.state),
      ['succeeded', 'succeeded'],
    )
    await load.flows()
    system.counts.refilled = system.troubles('lane-refilled')
    await system.judge(END)
  })

  test('full (memory, then disk): submissions are confirmed all the time, what is due expires, and what waited runs after it', async (context) => {
    const { load } = await open(context)
    const { system } = load
    const alarms = [
      ['set_vm_memory_high_watermark', 'absolute', '1MB', '1GB'],
      ['set_disk_free_limit', '', '100000GB', '50MB'],
    ] as const
    for (const [command, word, full, enough] of alarms) {
      const set = (value: string) => rabbitmq.ctl([command, ...(word === '' ? [] : [word]), value])
      await load.told('broker-blocked', () => set(full))
      await load.confirms(10)
      const id = `expires under ${command}`
      await system.submit([
        submission(id, {
          type: 'work',
          dataText: '{"ms":1}',
          runAtMs: Date.now() + 60_000,
          options: { expiresAtMs: Date.now() + 500 },
        }),
      ])
      const [record] = await (await system.engine()).wait([id], 30_000)
      assert.equal(record?.state, 'expired')
      await load.told('broker-unblocked', () => set(enough))
      await load.flows()
    }
    await system.judge(END)
  })

  test('full, with messages of foreign programs in it: tasks are adopted at once, what is none is put aside after the alarm', async (context) => {
    const { load, name } = await open(context)
    const { system } = load
    const distributors = [0, 1].map((no) => system.distributorOf(no).child)
    for (const child of distributors) child.kill('SIGSTOP')
    const foreign = await connect(rabbitmq.url(name))
    atEnd(context, () => foreign.close())
    const channel = await foreign.createConfirmChannel()
    const ids = ['foreign-1', 'foreign-2', 'foreign-3']
    // The bad ones first: nothing that is good waits behind them.
    for (const bad of ['no JSON', '{"data":1}'])
      channel.sendToQueue('chasqui.default', Buffer.from(bad), { persistent: true })
    for (const id of ids) {
      const body = JSON.stringify({ id, type: 'work', data: { ms: 1 } })
      channel.sendToQueue('chasqui.default', Buffer.from(body), { persistent: true })
    }
    await channel.waitForConfirms()
    const set = (limit: string) => rabbitmq.ctl(['set_disk_free_limit', limit])
    await load.told('broker-blocked', async () => {
      await set('100000GB')
      for (const child of distributors) child.kill('SIGCONT')
    })
    const engine = await system.engine()
    await system.until('they are adopted', async () =>
      (await engine.get(ids)).every((found) => found !== null),
    )
    await load.told('broker-unblocked', () => set('50MB'))
    const records = await engine.wait(ids, 30_000)
    assert.deepEqual(
      records.map((record) => record?.state),
      ['succeeded', 'succeeded', 'succeeded'],
    )
    const reasons: unknown[] = []
    await system.until('what is no task is put aside', async () => {
      const letter = await channel.get('chasqui.dead', { noAck: true })
      if (letter !== false) reasons.push(letter.properties.headers?.['x-chasqui-reason'])
      return reasons.length === 2
    })
    assert.match(reasons.join(), /not JSON/)
    await load.flows()
    await system.judge(END)
  })

  test('closing all connections, then losing a lane: everybody works again without help', async (context) => {
    const { load, name } = await open(context)
    await load.told('broker-lost', () =>
      rabbitmq.ctl(['close_all_connections', '-p', name, 'closed by a test']),
    )
    await load.flows()
    await rabbitmq.api('DELETE', `queues/${name}/${FIRST_LANE}`)
    load.system.count('lanes deleted')
    await load.flows()
    await load.system.judge(END)
  })

  test('wiped, with hints in it that nobody had: they are made anew from the ledger', async (context) => {
    const load = await ClusterLoad.open(context, { postgresql, amqpUrls: [rabbitmq.url()] })
    const { system } = load
    // Its last hints are in nobody's hands, and only the ledger knows of them.
    for (const worker of system.workers) worker.child.kill('SIGSTOP')
    await load.confirms(20)
    await rabbitmq.kill()
    rmSync(join(rabbitmq.folder, 'mnesia'), { recursive: true })
    await rabbitmq.start()
    for (const worker of system.workers) worker.child.kill('SIGCONT')
    await load.flows()
    await system.judge(END)
  })

  test('a task that runs longer than its consumer_timeout is run once, and the others go on', async (context) => {
    const set = (value: string) =>
      rabbitmq.ctl(['eval', `application:set_env(rabbit, consumer_timeout, ${value}).`])
    // A channel keeps the one that it began with.
    await set('4000')
    const { load } = await open(context)
    const { system } = load
    try {
      await system.submit([submission('long', { type: 'work', dataText: '{"ms":15000}' })])
      await load.told('consumer-lost', () => undefined)
      await load.flows()
      const [record] = await (await system.engine()).wait(['long'], 60_000)
      const { state, attempt, crashes } = record!
      assert.deepEqual({ state, attempt, crashes }, { state: 'succeeded', attempt: 1, crashes: 0 })
    } finally {
      await set('1800000')
    }
    const { facts } = await system.judge(END)
    assert.equal(facts.repeatedStarts, 0)
  })

  test('consumers that it forgot, without a word to anybody, are found silent and made anew', async (context) => {
    const { load, name } = await open(context)
    const { system } = load
    const pids = [load.direct, load.behind].map(({ child }) => child.pid!)
    // That of the second distributor, for whose worker nothing comes.
    const engine = await openRemoteEngine({ url: system.urlOf(1), client: { name: 'test' } })
    atEnd(context, () => engine.close())
    const consumption = async () => (await engine.inspect()).store.consumption
    assert.equal(await consumption(), 'ok')
    await load.told('consumer-silent', async () => {
      assert.ok((await silenceConsumers(name)) > 0, 'there were consumers')
      await system.until('messages wait and nobody takes them', async (seen) => {
        const started = () => pids.map((pid) => startsOf(pid, seen)).join()
        const before = started()
        const queues = await queuesOf(name)
        system.look()
        return before === started() && queues.some((queue) => (queue.messages_ready ?? 0) > 0)
      })
      await system.until('it says so itself', async () => (await consumption()) === 'silent')
    })
    await load.flows()
    await system.until('all is well again', async () => (await consumption()) === 'ok')
    await system.judge(END)
  })
})
