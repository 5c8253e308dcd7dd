/** A runner and people who change its schedules at the worst moment. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Schedule } from '../../../src/engine/cron.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { ScheduleRows } from '../../../src/engine/memory/schedule-rows.ts'
import { openCron } from '../../../src/engine/open-cron.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { atEnd } from '../../support/temporary.ts'

const START_MS = Date.UTC(2026, 0, 1)
const MINUTE_MS = 60_000
const SCHEDULE: Schedule = {
  name: 'a',
  timing: { everyMs: MINUTE_MS, anchorMs: 0 },
  task: { type: 'x', queue: 'default', priority: 4, dataText: 'null', ttlMs: null, options: null },
  overlap: 'replace',
  catchUp: 'all',
  owner: null,
}

/** Schedules in a store of their own, whose tasks are submitted as the test says. */
function open(context: Parameters<typeof atEnd>[0], submit: (engine: Engine) => Engine['submit']) {
  const clock = new VirtualClock(START_MS)
  const engine = openMemoryEngine({ clock })
  const troubles: unknown[] = []
  const store = new ScheduleRows()
  const tasks = {
    submit: submit(engine),
    get: engine.get.bind(engine),
    cancel: engine.cancel.bind(engine),
    wait: engine.wait.bind(engine),
  }
  const more = { mustBeOpen() {}, onTrouble: (error: unknown) => void troubles.push(error) }
  const cron = openCron({ store, clock, engine: tasks, ...more })
  atEnd(context, async () => {
    await cron.close()
    await engine.close()
  })
  /** What another distributor runs on the same rows. */
  const second = () => {
    const other = openCron({ store, clock, engine: tasks, ...more })
    atEnd(context, () => other.close())
    return other
  }
  const look = async () => (await cron.list({ limit: 1 })).schedules[0]!
  const ids = async () => (await engine.list({ limit: 100 })).tasks.map(({ id }) => id).reverse()
  return { clock, engine, cron, second, look, ids, troubles }
}

const minute = (count: number) => `cron:a:2026-01-01T00:0${count}:00.000Z`

test('a pause that comes while a task is submitted is after that tick', async (context) => {
  let pause = async () => {}
  const { clock, cron, look, ids } = open(context, (engine) => async (batch, durability) => {
    const answers = await engine.submit(batch, durability)
    await pause()
    return answers
  })
  await cron.put([SCHEDULE])
  pause = async () => void (await cron.pause(['a'], true))
  await clock.advance(MINUTE_MS)
  const { fired, lastId, paused } = await look()
  assert.deepEqual([fired, lastId, paused, await ids()], [1, minute(1), true, [minute(1)]])
  pause = async () => {}
  await cron.pause(['a'], false)
  await clock.advance(MINUTE_MS)
  assert.deepEqual([(await look()).fired, await ids()], [2, [minute(1), minute(2)]])
})

test('a change that comes while a task is submitted is kept, and the tick is not doubled', async (context) => {
  let change = async () => {}
  const { clock, cron, look, ids } = open(context, (engine) => async (batch, durability) => {
    const answers = await engine.submit(batch, durability)
    await change()
    return answers
  })
  await cron.put([SCHEDULE])
  change = async () => {
    change = async () => {}
    await cron.put([{ ...SCHEDULE, task: { ...SCHEDULE.task, dataText: '[2]' } }])
  }
  await clock.advance(MINUTE_MS)
  await clock.advance(MINUTE_MS)
  const { fired, task } = await look()
  assert.deepEqual([fired, task.dataText, await ids()], [2, '[2]', [minute(1), minute(2)]])
})

test('refused for now it is tried again; refused for good it is told, and the next tick fares better', async (context) => {
  let answer: 'later' | 'never' | 'broken' | 'yes' = 'later'
  const { clock, cron, look, ids, troubles } = open(context, (engine) => async (batch, durability) => {
    if (answer === 'yes') return engine.submit(batch, durability)
    if (answer === 'broken') throw new ChasquiError('STORE_FAILED', 'the disk is gone')
    const code = answer === 'later' ? 'RETRY_AFTER' : 'FORBIDDEN'
    return batch.map(({ id }) => ({ id, refused: { code, message: 'no', retryAfterMs: 2_000 } }))
  })
  await cron.put([SCHEDULE])
  await clock.advance(MINUTE_MS)
  assert.deepEqual([(await look()).fired, (await look()).error], [0, 'RETRY_AFTER: no'])
  answer = 'yes'
  await clock.advance(3_000)
  assert.deepEqual([(await look()).fired, (await look()).error, await ids()], [1, null, [minute(1)]])
  answer = 'never'
  await clock.advance(MINUTE_MS)
  assert.deepEqual([(await look()).missed, (await look()).error], [1, 'FORBIDDEN: no'])
  answer = 'broken'
  await clock.advance(MINUTE_MS)
  assert.ok(troubles.length > 0)
  answer = 'yes'
  await clock.advance(3_000)
  assert.deepEqual([(await look()).fired, await ids()], [2, [minute(1), minute(3)]])
})

test('two runners on the same rows submit each tick once and count it once', async (context) => {
  const { clock, cron, second, look, ids } = open(context, (engine) => engine.submit.bind(engine))
  const other = second()
  await cron.put([SCHEDULE])
  for (let tick = 1; tick <= 5; tick++) {
    other.runner.due(START_MS + tick * MINUTE_MS)
    await clock.advance(MINUTE_MS)
  }
  assert.equal((await look()).fired, 5)
  assert.deepEqual(await ids(), [1, 2, 3, 4, 5].map(minute))
})
