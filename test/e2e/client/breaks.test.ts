/**
 * Clients and workers through connections that break at every moment, and distributors that end and start again under load. Nothing
 * that was confirmed is lost, nothing is there twice, every promise settles. A failure repeats with SEED=….
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, createClient } from '../../../src/client/client.ts'
import { connect } from '../../../src/client/connect.ts'
import { openRemoteEngine } from '../../../src/engine/remote/remote-engine.ts'
import { eventually } from '../../support/eventually.ts'
import { FaultProxy } from '../../support/fault-proxy.ts'
import { type LineProcess, runLines } from '../../support/lines.ts'
import { ShakyServer } from '../../support/shaky-server.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { type Random, seededRandom } from './random.ts'
import { SumWorker } from './sum-worker.ts'

/** Each lane submits, awaits the result, checks it, and goes on; meanwhile disasters happen, one every so many results. */
async function play(
  client: Client,
  { lanes, every, disasters }: { lanes: number; every: number; disasters: (() => Promise<void>)[] },
): Promise<string[]> {
  const ids: string[] = []
  let next = 0
  let done = 0
  let over = false
  const lane = async () => {
    while (!over) {
      const n = next++
      const task = await client.submit<number>('sumar', [n, 1])
      ids.push(task.id)
      assert.equal(await task.result({ timeoutMs: 60_000 }), n + 1)
      done++
    }
  }
  const playing = Promise.all(Array.from({ length: lanes }, lane))
  for (const disaster of disasters) {
    const from = done
    await Promise.race([eventually('tasks are done', () => done >= from + every), playing])
    await disaster()
  }
  const from = done
  await Promise.race([eventually('tasks are done', () => done >= from + every), playing])
  over = true
  await playing
  return ids
}

function openClient(t: TestContext, client: Client): Client {
  atEnd(t, () => client.close({ timeoutMs: 0 }))
  return client
}

/** One fault, chosen by the dice; over when it is returned. */
async function strike(server: ShakyServer, random: Random): Promise<string> {
  const { proxy } = server
  switch (random.below(5)) {
    case 0:
      server.break()
      return 'reset'
    case 1:
      proxy.cutAfterBytes = random.below(20_000)
      return 'cut in the middle of a message'
    case 2:
      await server.restart()
      return 'another distributor'
    case 3: {
      const mode = (['blackhole', 'blackhole-up', 'blackhole-down'] as const)[random.below(3)]!
      proxy.mode = mode
      await sleep(100)
      proxy.mode = 'up'
      return mode
    }
    default:
      proxy.latencyMs = random.below(3)
      return `latency ${proxy.latencyMs} ms`
  }
}

test('submits, results and work go on through breaks of every kind', { timeout: 120_000 }, async (t) => {
  const random = seededRandom()
  t.diagnostic(`SEED=${random.seed}`)
  const server = await ShakyServer.open(t, { leaseMs: 3_000, reconnectGraceMs: 500 })
  const link = { silenceMs: 50, pingTimeoutMs: 200 }
  const client = openClient(t, createClient(await server.openRemote(t, { link })))
  const worker = await SumWorker.open(await server.openRemote(t, { link }))
  const heard = new Set<string>()
  const events = client.watch({ states: ['succeeded'] })
  await events.started
  const listening = (async () => {
    for await (const { id } of events) heard.add(id)
  })()

  const strikes: string[] = []
  const disasters = Array.from({ length: 20 }, () => async () => {
    strikes.push(await strike(server, random))
  })
  const ids = await play(client, { lanes: 48, every: 100, disasters })
  t.diagnostic(strikes.join(', '))

  assert.equal(new Set(ids).size, ids.length)
  const totals = (await server.engine.inspect()).queues[0]?.totals
  assert.deepEqual([totals?.submitted, totals?.succeeded], [ids.length, ids.length])
  for (const id of ids) assert.ok((worker.runs.get(id) ?? 0) >= 1)

  // The watch is alive after all that.
  server.proxy.latencyMs = 0
  server.proxy.cutAfterBytes = Number.POSITIVE_INFINITY
  await eventually('the watch hears', () => {
    void client.submit('sumar', [1], { id: `last-${heard.size}` }).catch(() => {})
    return [...heard].some((id) => id.startsWith('last-'))
  })
  await events.close()
  await listening
})

test('results of many tasks come through a break while all are awaited', { timeout: 120_000 }, async (t) => {
  const server = await ShakyServer.open(t)
  const client = openClient(t, createClient(await server.openRemote(t)))
  const tasks = await client.submitMany<number>(
    'sumar',
    Array.from({ length: 2_000 }, (_, n) => [n, n]),
  )
  const results = Promise.all(tasks.map((task) => task.result()))
  await client.stats()
  server.break()
  await client.stats()
  await server.restart()
  await SumWorker.open(await server.openRemote(t))
  assert.deepEqual(
    await results,
    Array.from({ length: 2_000 }, (_, n) => 2 * n),
  )
})

test('a first confirmation that is lost on the way is asked for again, under the same id', async (t) => {
  const server = await ShakyServer.open(t)
  const client = openClient(t, createClient(await server.openRemote(t)))
  await client.stats()
  // The answer, and not the question, is swallowed; then the connection breaks.
  server.proxy.mode = 'blackhole-down'
  const submitting = client.submit('sumar', [1, 2], { id: 'once' })
  await eventually('the task is there', () => {
    void server.engine.get(['once']).then(([record]) => {
      if (record?.state === 'queued') server.break()
    })
    return server.proxy.connections > 1
  })
  server.proxy.mode = 'up'
  const task = await submitting
  assert.deepEqual([task.receipt?.id, task.receipt?.state], ['once', 'queued'])
  assert.equal((await client.stats()).queues[0]?.totals.submitted, 1)
})

async function startDistributor(
  t: TestContext,
  dir: string,
): Promise<{ running: LineProcess; port: number }> {
  const script = join(import.meta.dirname, 'distributor-process.ts')
  const running = runLines(t, process.execPath, [script, dir])
  return { running, port: Number(await running.line('its port', (line) => /^\d+$/.test(line))) }
}

test('a distributor that is killed under load loses nothing', { timeout: 180_000 }, async (t) => {
  const dir = temporaryFolder(t, 'client')
  let { running, port } = await startDistributor(t, dir)
  const proxy = await FaultProxy.open({ port })
  atEnd(t, () => proxy.close())
  const link = { reconnectMinMs: 10, reconnectMaxMs: 100 }
  const engine = await openRemoteEngine({ url: proxy.url, link })
  atEnd(t, () => engine.close())
  const client = openClient(t, createClient(engine))
  const behind = await openRemoteEngine({ url: proxy.url, link })
  atEnd(t, () => behind.close())
  const worker = await SumWorker.open(behind)

  const disasters = Array.from({ length: 4 }, () => async () => {
    await running.kill()
    proxy.reset()
    ;({ running, port } = await startDistributor(t, dir))
    proxy.retarget(port)
  })
  const ids = await play(client, { lanes: 32, every: 300, disasters })
  const totals = (await client.stats()).queues[0]?.totals
  assert.deepEqual([totals?.submitted, totals?.succeeded], [ids.length, ids.length])
  for (const id of ids) assert.ok((worker.runs.get(id) ?? 0) >= 1)
  t.diagnostic(
    `${ids.length} tasks, ${[...worker.runs.values()].filter((runs) => runs > 1).length} ran twice`,
  )
})

/** Runs a program in a process of its own and tells how it ended. */
async function runProgram(t: TestContext, source: string): Promise<{ code: number | null; lines: string[] }> {
  const index = join(import.meta.dirname, '../../../src/index.ts')
  const program = source.replaceAll('CHASQUI', JSON.stringify(index))
  const running = runLines(t, process.execPath, ['--input-type=module-typescript', '--eval', program])
  const { code } = await running.exited
  return { code, lines: [...running.lines] }
}

test('a program that closes its client ends by itself', { timeout: 30_000 }, async (t) => {
  const server = await ShakyServer.open(t)
  const { code, lines } = await runProgram(
    t,
    `
    import { connect } from CHASQUI
    const client = await connect(${JSON.stringify(server.proxy.url)})
    const task = await client.submit('sumar', [5, 7])
    console.log(task.receipt.state)
    await client.close()
    `,
  )
  assert.deepEqual([code, lines], [0, ['queued']])
})

test('a program that waits for a connection to come back is kept alive', { timeout: 30_000 }, async (t) => {
  const server = await ShakyServer.open(t)
  const running = runProgram(
    t,
    `
    import { connect } from CHASQUI
    const client = await connect(${JSON.stringify(server.proxy.url)})
    for (let n = 0; n < 2_000; n++) await client.submit('tick', n)
    console.log('done')
    await client.close()
    `,
  )
  await eventually('the first tasks', () => server.proxy.bytes > 2_000)
  server.proxy.mode = 'refuse'
  server.break()
  const before = server.proxy.connections
  await eventually('it knocks', () => server.proxy.connections > before + 1)
  server.proxy.mode = 'up'
  const { code, lines } = await running
  assert.deepEqual([code, lines], [0, ['done']])
  assert.equal((await server.engine.inspect()).queues[0]?.totals.submitted, 2_000)
})

test('connecting where nobody is ends with one sentence', { timeout: 30_000 }, async (t) => {
  const server = await ShakyServer.open(t)
  const { port } = server.proxy
  await server.proxy.close()
  await assert.rejects(connect(`chasqui://127.0.0.1:${port}`, { connectTimeoutMs: 200 }), {
    code: 'CONNECTION_LOST',
    message: `no distributor could be reached at 127.0.0.1:${port}: nothing listens there`,
  })
})
