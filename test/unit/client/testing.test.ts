/** `chasqui/testing`, used as its users use it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { defineTask, PermanentError, RetryLater } from '../../../src/index.ts'
import { openTestSystem } from '../../../src/testing.ts'

const DAY_MS = 86_400_000

const sumar = defineTask({
  type: 'sumar',
  input: z.array(z.number()),
  run: (data) => data.reduce((a, b) => a + b, 0),
})
const reminded: string[] = []
const remind = defineTask({
  type: 'remind',
  input: z.string(),
  run: (name) => {
    reminded.push(name)
  },
})

test('the example of the documentation', async () => {
  await using system = openTestSystem({ tasks: [sumar, remind] })
  const task = await system.client.submit(sumar, [5, 7])
  await system.run()
  assert.equal(await task.result(), 12)

  const reminder = await system.client.submit(remind, 'ana', { delayMs: DAY_MS })
  await system.run()
  assert.equal((await reminder.status())?.state, 'scheduled')
  await system.advance(DAY_MS - 1)
  assert.deepEqual(reminded, [])
  await system.advance(1)
  assert.equal((await reminder.status())?.state, 'succeeded')
  assert.deepEqual(reminded, ['ana'])
})

test('nothing runs until it is told to, and higher priorities run first', async () => {
  const ran: number[] = []
  const note = defineTask({ type: 'note', run: (n: number) => void ran.push(n) })
  await using system = openTestSystem({ tasks: [note] })
  for (const priority of [1, 9, 5]) await system.client.submit(note, priority, { priority })
  await system.clock.advance(1_000)
  assert.deepEqual(ran, [])
  await system.run()
  assert.deepEqual(ran, [9, 5, 1])
})

test('failures are retried after their back-off, and the last one stays', async () => {
  const attempts: number[] = []
  const flaky = defineTask({
    type: 'flaky',
    backoff: [1_000, 60_000],
    maxAttempts: 3,
    run: (_: null, { attempt }) => {
      attempts.push(attempt)
      throw new RangeError(`attempt ${attempt}`)
    },
  })
  await using system = openTestSystem({ tasks: [flaky] })
  const task = await system.client.submit(flaky, null)
  await system.run()
  assert.deepEqual(attempts, [1])
  await system.advance(1_000)
  assert.deepEqual(attempts, [1, 2])
  await system.advance(59_999)
  assert.deepEqual(attempts, [1, 2])
  await system.advance(1)
  await assert.rejects(task.result(), { code: 'TASK_FAILED', message: /RangeError: attempt 3/ })
})

test('errors that say how to go on are obeyed', async () => {
  const stubborn = defineTask({
    type: 'stubborn',
    run: (permanent: boolean) => {
      throw permanent ? new PermanentError('never') : new RetryLater(5_000)
    },
  })
  await using system = openTestSystem({ tasks: [stubborn] })
  const never = await system.client.submit(stubborn, true)
  const later = await system.client.submit(stubborn, false)
  await system.run()
  assert.equal((await never.status())?.state, 'failed')
  assert.equal((await later.status())?.runAtMs, system.clock.nowMs() + 5_000)
})

test('a handler that hangs is stopped at its timeout, in virtual time and beyond its lease', async () => {
  const stops: unknown[] = []
  const hang = defineTask({
    type: 'hang',
    timeoutMs: 60_000,
    maxAttempts: 1,
    run: (_: null, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          stops.push((signal.reason as Error).name)
          reject(signal.reason)
        })
      }),
  })
  await using system = openTestSystem({ tasks: [hang] })
  const task = await system.client.submit(hang, null)
  await system.advance(60_000)
  assert.deepEqual(stops, ['TimeoutError'])
  await assert.rejects(task.result(), { code: 'TASK_FAILED', message: /TimedOut: the attempt ran longer/ })
  assert.equal((await task.status())?.crashes, 0)
})

test('a handler may report and log', async () => {
  const talk = defineTask({
    type: 'talk',
    queue: 'other',
    run: (_: null, { progress, log, metadata }) => {
      progress(1, 2, 'half')
      log.info(`for ${metadata.who}`)
    },
  })
  await using system = openTestSystem({ tasks: [talk] })
  const task = await system.client.submit(talk, null, { metadata: { who: 'ana' } })
  await system.run()
  assert.deepEqual((await task.status())?.progress, { done: 1, total: 2, note: 'half' })
  assert.deepEqual(await system.client.log(task.id), [
    { number: 1, atMs: system.clock.nowMs(), attempt: 1, level: 'info', text: 'for ana' },
  ])
})

test('a child that is submitted by its parent runs in the same go', async () => {
  const system = openTestSystem({
    tasks: [
      sumar,
      defineTask({
        type: 'parent',
        run: async (): Promise<number> => (await system.client.submit(sumar, [1, 2])).result(),
      }),
    ],
  })
  const task = await system.client.submit('parent')
  await system.run()
  assert.equal(await task.result(), 3)
  await system.close()
  await system.close()
  await assert.rejects(system.client.submit(sumar, [1]), { code: 'CLOSED' })
})

test('a cancelled handler gets its signal', async () => {
  const system = openTestSystem({
    tasks: [
      defineTask({
        type: 'patient',
        run: (_: unknown, { signal }) =>
          new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
      }),
    ],
  })
  const task = await system.client.submit('patient')
  const running = system.run()
  while ((await task.status())?.state !== 'running') await new Promise(setImmediate)
  assert.deepEqual(await task.cancel(), { id: task.id, state: 'canceled', changed: true })
  await running
  assert.equal((await task.status())?.state, 'canceled')
  await system.close()
})

test('types that nobody defined stay queued', async () => {
  await using system = openTestSystem({ tasks: [sumar], queues: ['extra'] })
  const stranger = await system.client.submit('stranger')
  const extra = await system.client.submit(sumar, [1], { queue: 'extra' })
  await system.run()
  assert.equal((await stranger.status())?.state, 'queued')
  assert.equal(await extra.result(), 1)
})

test('schedules tick under the virtual clock', async () => {
  await using system = openTestSystem({ tasks: [remind], startMs: Date.UTC(2026, 2, 28, 12) })
  reminded.length = 0
  await system.client.cron.put({
    name: 'night',
    expression: '30 2 * * *',
    timezone: 'Europe/Berlin',
    task: remind,
    data: 'eva',
  })
  await assert.rejects(
    system.client.cron.put({ name: 'x', every: 60_000, task: remind, data: 5 as unknown as string }),
    { code: 'INVALID_INPUT' },
  )
  for (let day = 0; day < 3; day++) await system.advance(DAY_MS)
  assert.deepEqual(reminded, ['eva', 'eva', 'eva'], 'once a night, also in the one with the gap')
  const { schedules } = await system.client.cron.list()
  assert.equal(schedules[0]!.lastTickMs, Date.UTC(2026, 2, 31, 0, 30))
  assert.equal(await system.client.cron.run('night', { id: 'now' }), 'now')
  assert.equal(await system.client.cron.delete('night'), true)
  await assert.rejects(system.client.cron.pause('night'), { code: 'SCHEDULE_UNKNOWN' })
})
