/** Schedules: a tick's task is submitted once, and what becomes of ticks that overlap, come late or meet a clock that jumps. */

import assert from 'node:assert/strict'
import type { Schedule, ScheduledTask, ScheduleRecord, Timing } from '../../../src/engine/cron.ts'
import { returned, type Stage, until } from '../harness.ts'
import type { Promised } from '../suite.ts'

/** When the clocks of all harnesses begin. */
const START_MS = Date.UTC(2026, 0, 1)
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

const TASK: ScheduledTask = {
  type: 'sumar',
  queue: 'default',
  priority: 4,
  dataText: '[5,7]',
  ttlMs: null,
  options: null,
}
const EACH_MINUTE: Timing = { expression: '* * * * *', timezone: 'UTC' }

function schedule(over: Partial<Schedule> = {}): Schedule {
  return { name: 'a', timing: EACH_MINUTE, task: TASK, overlap: 'skip', catchUp: 'all', owner: null, ...over }
}

/** `cron:a:2026-01-01T00:01:00.000Z` for minute 1. */
function idOfMinute(minute: number, name = 'a'): string {
  return `cron:${name}:${new Date(START_MS + minute * MINUTE_MS).toISOString()}`
}

async function record(stage: Stage, name = 'a'): Promise<ScheduleRecord> {
  const { schedules } = await stage.engine.cron.list({ names: [name], limit: 1, ticks: 2 })
  assert.equal(schedules.length, 1, `schedule ${name} is there`)
  return schedules[0]!
}

/** To an instant of the clock, and until the schedule has dealt with every tick up to it. */
async function go(stage: Stage, toMs: number, name = 'a'): Promise<ScheduleRecord> {
  await stage.advance(toMs - stage.nowMs)
  let found = await record(stage, name)
  await until(`schedule ${name} has dealt with its ticks`, async () => {
    // What came after the clock had stood still goes on when it is asked.
    await stage.advance(0)
    found = await record(stage, name)
    return found.paused || found.nextMs.length === 0 || found.nextMs[0]! > stage.nowMs
  })
  return found
}

export function cron(promised: Promised): void {
  promised(
    'a schedule submits the task of each tick at its time, under an id made of both',
    async (stage) => {
      const [placement] = await stage.engine.cron.put([schedule()])
      assert.deepEqual(placement, { name: 'a', created: true, changed: true, nextMs: START_MS + MINUTE_MS })
      await stage.advance(MINUTE_MS - 1)
      assert.deepEqual(await stage.list(), [])
      await go(stage, START_MS + MINUTE_MS)
      assert.deepEqual(await stage.list(), [idOfMinute(1)])
      const [task] = await stage.engine.get([idOfMinute(1)], { data: true })
      assert.deepEqual([task!.type, task!.queue, JSON.parse(task!.dataText!)], ['sumar', 'default', [5, 7]])
      assert.deepEqual(task!.metadata, { cron: 'a', cronTick: '2026-01-01T00:01:00.000Z' })
      const found = await record(stage)
      assert.deepEqual([found.fired, found.skipped, found.missed], [1, 0, 0])
      assert.deepEqual([found.lastTickMs, found.lastId], [START_MS + MINUTE_MS, idOfMinute(1)])
      assert.deepEqual(found.nextMs, [START_MS + 2 * MINUTE_MS, START_MS + 3 * MINUTE_MS])
    },
  )

  promised(
    'the options of its task are those of each tick, and its time to live begins with it',
    async (stage) => {
      const options = { key: 'tenant', maxAttempts: 2, metadata: { note: 'x' } }
      await stage.engine.cron.put([schedule({ task: { ...TASK, priority: 9, ttlMs: HOUR_MS, options } })])
      await go(stage, START_MS + MINUTE_MS)
      const task = await stage.record(idOfMinute(1))
      assert.deepEqual([task.priority, task.maxAttempts, task.key], [9, 2, 'tenant'])
      assert.deepEqual(task.metadata, { note: 'x', cron: 'a', cronTick: '2026-01-01T00:01:00.000Z' })
      assert.ok(task.expiresAtMs! >= START_MS + MINUTE_MS + HOUR_MS)
    },
  )

  promised('an interval ticks from its anchor on', async (stage) => {
    const timing = { everyMs: 90_000, anchorMs: START_MS - 30_000 }
    const [placement] = await stage.engine.cron.put([schedule({ timing })])
    assert.equal(placement!.nextMs, START_MS + 60_000)
    await go(stage, START_MS + 60_000)
    assert.deepEqual(await stage.list(), [idOfMinute(1)])
  })

  promised(
    'putting a schedule again changes nothing, putting another under its name changes it',
    async (stage) => {
      await stage.engine.cron.put([schedule()])
      await go(stage, START_MS + MINUTE_MS)
      const again = await stage.engine.cron.put([schedule()])
      assert.deepEqual(again, [
        { name: 'a', created: false, changed: false, nextMs: START_MS + 2 * MINUTE_MS },
      ])
      const hourly = schedule({ timing: { expression: '0 * * * *', timezone: 'UTC' } })
      const changed = await stage.engine.cron.put([hourly])
      assert.deepEqual(changed, [{ name: 'a', created: false, changed: true, nextMs: START_MS + HOUR_MS }])
      await stage.advance(5 * MINUTE_MS)
      assert.deepEqual(await stage.list(), [idOfMinute(1)])
      assert.equal((await record(stage)).fired, 1)
    },
  )

  promised('a new task is that of the next tick', async (stage) => {
    await stage.engine.cron.put([schedule({ overlap: 'replace' })])
    await go(stage, START_MS + MINUTE_MS)
    await stage.engine.cron.put([schedule({ overlap: 'replace', task: { ...TASK, dataText: '[1]' } })])
    await go(stage, START_MS + 2 * MINUTE_MS)
    const [task] = await stage.engine.get([idOfMinute(2)], { data: true })
    assert.equal(task!.dataText, '[1]')
  })

  promised(
    'what cannot be a schedule is refused by its name, and none of the batch is made',
    async (stage) => {
      const wrong: Partial<Schedule>[] = [
        { timing: { expression: '61 * * * *', timezone: 'UTC' } },
        { timing: { expression: '* * * * *', timezone: 'Mars/Olympus' } },
        { timing: { expression: '0 0 31 2 *', timezone: 'UTC' } },
        { timing: { everyMs: 1, anchorMs: 0 } },
      ]
      for (const over of wrong) {
        await assert.rejects(
          stage.engine.cron.put([schedule({ name: 'good' }), schedule({ name: 'bad', ...over })]),
          {
            code: 'INVALID_PARAMS',
            message: /"?bad"?|expression|every|timezone/,
          },
        )
      }
      await assert.rejects(stage.engine.cron.put([schedule({ timing: wrong[2]!.timing! })]), {
        code: 'INVALID_PARAMS',
      })
    },
  )

  promised(
    'overlap skip: a tick is passed over while the task of an earlier one is not final',
    async (stage) => {
      await stage.engine.cron.put([schedule({ overlap: 'skip' })])
      await go(stage, START_MS + MINUTE_MS)
      const found = await go(stage, START_MS + 2 * MINUTE_MS)
      assert.deepEqual([found.fired, found.skipped], [1, 1])
      assert.deepEqual(await stage.list(), [idOfMinute(1)])
      const hands = await stage.consume()
      await stage.engine.settle([returned(await hands.next())])
      await go(stage, START_MS + 3 * MINUTE_MS)
      assert.deepEqual(await stage.list(), [idOfMinute(3), idOfMinute(1)])
    },
  )

  promised('overlap queue: ticks are kept back and run one after the other', async (stage) => {
    await stage.engine.cron.put([schedule({ overlap: 'queue' })])
    await go(stage, START_MS + MINUTE_MS)
    await go(stage, START_MS + 2 * MINUTE_MS)
    const found = await go(stage, START_MS + 3 * MINUTE_MS)
    assert.deepEqual([found.fired, found.skipped, found.waiting], [1, 0, 2])
    const hands = await stage.consume()
    for (const minute of [1, 2, 3]) {
      const delivery = await hands.next()
      assert.equal(delivery.id, idOfMinute(minute))
      assert.equal(hands.deliveries.length, minute, 'the next one was not submitted before')
      await stage.engine.settle([returned(delivery)])
    }
    await until('nothing is kept back any more', async () => (await record(stage)).waiting === 0)
    assert.equal((await record(stage)).fired, 3)
  })

  promised('overlap replace: the task of an earlier tick is cancelled', async (stage) => {
    // Within the time of a lease: nobody here renews it.
    const timing = { everyMs: 2_000, anchorMs: START_MS }
    await stage.engine.cron.put([schedule({ overlap: 'replace', timing })])
    const hands = await stage.consume()
    await go(stage, START_MS + 2_000)
    const { id } = await hands.next()
    const found = await go(stage, START_MS + 4_000)
    assert.deepEqual(await stage.states(id), ['canceled'])
    await until('its worker is told', () => hands.revoked.length === 1)
    assert.deepEqual([found.fired, found.lastId], [2, 'cron:a:2026-01-01T00:00:04.000Z'])
  })

  promised('catch up none: ticks that are more than a minute late are missed', async (stage) => {
    await stage.engine.cron.put([
      schedule({ catchUp: 'none', timing: { expression: '0 * * * *', timezone: 'UTC' } }),
    ])
    await stage.jump(2 * HOUR_MS + 10 * MINUTE_MS)
    const found = await go(stage, START_MS + 2 * HOUR_MS + 10 * MINUTE_MS)
    assert.deepEqual([found.fired, found.missed], [0, 2])
    assert.deepEqual(found.nextMs[0], START_MS + 3 * HOUR_MS)
  })

  promised('catch up last: the last of them is run', async (stage) => {
    await stage.engine.cron.put([
      schedule({ catchUp: 'last', timing: { expression: '0 * * * *', timezone: 'UTC' } }),
    ])
    await stage.jump(2 * HOUR_MS + 10 * MINUTE_MS)
    const found = await go(stage, START_MS + 2 * HOUR_MS + 10 * MINUTE_MS)
    assert.deepEqual([found.fired, found.missed], [1, 1])
    assert.deepEqual(await stage.list(), [idOfMinute(120)])
  })

  promised('catch up all: each is run, in order and once', async (stage) => {
    await stage.engine.cron.put([
      schedule({ overlap: 'queue', timing: { expression: '0 * * * *', timezone: 'UTC' } }),
    ])
    await stage.jump(3 * HOUR_MS + 10 * MINUTE_MS)
    await go(stage, START_MS + 3 * HOUR_MS + 10 * MINUTE_MS)
    const hands = await stage.consume()
    for (const minute of [60, 120, 180]) {
      const delivery = await hands.next()
      assert.equal(delivery.id, idOfMinute(minute))
      await stage.engine.settle([returned(delivery)])
    }
    await until('all were run', async () => (await record(stage)).waiting === 0)
    const found = await record(stage)
    assert.deepEqual([found.fired, found.missed, found.skipped], [3, 0, 0])
  })

  promised(
    'a clock that jumps back repeats no tick, and none is lost when it has come there again',
    async (stage) => {
      await stage.engine.cron.put([schedule({ overlap: 'replace' })])
      await go(stage, START_MS + MINUTE_MS)
      await go(stage, START_MS + 2 * MINUTE_MS)
      await stage.jump(-90_000)
      await stage.advance(80_000)
      assert.equal((await record(stage)).fired, 2, 'minutes 1 and 2 came again')
      await go(stage, START_MS + 3 * MINUTE_MS)
      assert.deepEqual(
        (await stage.list()).sort(),
        [1, 2, 3].map((minute) => idOfMinute(minute)),
      )
    },
  )

  promised('in the spring gap and the autumn overlap of a zone a daily tick comes once', async (stage) => {
    const timing = { expression: '30 2 * * *', timezone: 'Europe/Berlin' }
    for (const [from, ticks] of [
      ['2026-03-28T12:00:00Z', ['2026-03-29T01:30:00.000Z', '2026-03-30T00:30:00.000Z']],
      ['2026-10-24T12:00:00Z', ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']],
    ] as const) {
      await stage.jump(Date.parse(from) - stage.nowMs)
      const name = from.slice(0, 7)
      await stage.engine.cron.put([schedule({ name, timing, overlap: 'replace' })])
      for (const tick of ticks) await go(stage, Date.parse(tick), name)
      await go(stage, Date.parse(ticks[1]) + HOUR_MS, name)
      const ids = (await stage.list()).filter((id) => id.includes(`:${name}:`))
      assert.deepEqual(
        ids.sort(),
        ticks.map((tick) => `cron:${name}:${tick}`),
      )
      await stage.engine.cron.delete([name])
    }
  })

  promised('paused it has no ticks, and resumed it goes on with the next', async (stage) => {
    await stage.engine.cron.put([schedule()])
    assert.deepEqual(await stage.engine.cron.pause(['a', 'unknown'], true), [true, null])
    assert.deepEqual(await stage.engine.cron.pause(['a'], true), [false])
    assert.deepEqual((await record(stage)).nextMs, [])
    await stage.advance(5 * MINUTE_MS)
    assert.deepEqual(await stage.list(), [])
    assert.deepEqual(await stage.engine.cron.pause(['a'], false), [true])
    assert.deepEqual(await stage.list(), [])
    await go(stage, START_MS + 6 * MINUTE_MS)
    assert.deepEqual(await stage.list(), [idOfMinute(6)])
    assert.deepEqual([(await record(stage)).fired, (await record(stage)).missed], [1, 0])
  })

  promised('run now submits its task at once, also while it is paused, and once for an id', async (stage) => {
    await stage.engine.cron.put([schedule()])
    await stage.engine.cron.pause(['a'], true)
    const receipt = await stage.engine.cron.run('a', 'by-hand')
    assert.ok(receipt !== null && !('refused' in receipt))
    assert.deepEqual([receipt.id, receipt.state, receipt.duplicate], ['by-hand', 'queued', false])
    const again = await stage.engine.cron.run('a', 'by-hand')
    assert.ok(again !== null && !('refused' in again) && again.duplicate)
    assert.deepEqual((await stage.record('by-hand')).metadata, { cron: 'a' })
    assert.equal(await stage.engine.cron.run('unknown', 'x'), null)
    // Its ticks look at it as at one of their own.
    await stage.engine.cron.pause(['a'], false)
    const found = await go(stage, START_MS + MINUTE_MS)
    assert.deepEqual([found.fired, found.skipped, found.lastId], [0, 1, 'by-hand'])
  })

  promised('deleted it ticks no more; its tasks stay', async (stage) => {
    await stage.engine.cron.put([schedule()])
    await go(stage, START_MS + MINUTE_MS)
    assert.deepEqual(await stage.engine.cron.delete(['a', 'unknown']), [true, false])
    await stage.advance(5 * MINUTE_MS)
    assert.deepEqual(await stage.list(), [idOfMinute(1)])
    assert.deepEqual((await stage.engine.cron.list({ limit: 10 })).schedules, [])
  })

  promised('they are listed by name, page by page', async (stage) => {
    const names = ['e', 'b', 'd', 'a', 'c']
    await stage.engine.cron.put(
      names.map((name) => schedule({ name, owner: name === 'b' ? 'config' : null })),
    )
    const listed: string[] = []
    let cursor: string | null = null
    do {
      const page = await stage.engine.cron.list({ limit: 2, ...(cursor !== null && { cursor }) })
      assert.ok(page.schedules.length <= 2)
      listed.push(...page.schedules.map(({ name }) => name))
      cursor = page.cursor
    } while (cursor !== null)
    assert.deepEqual(listed, ['a', 'b', 'c', 'd', 'e'])
    const { schedules } = await stage.engine.cron.list({ names: ['b', 'unknown', 'a'], limit: 10 })
    assert.deepEqual(
      schedules.map(({ name, owner }) => [name, owner]),
      [
        ['b', 'config'],
        ['a', null],
      ],
    )
    const { name, timing, task, overlap, catchUp } = schedules[1]!
    assert.deepEqual({ name, timing, task, overlap, catchUp, owner: null }, schedule())
  })

  promised('many that are due together all tick', async (stage) => {
    const names = Array.from({ length: 1_200 }, (_, index) => `s${index}`)
    await stage.engine.cron.put(names.map((name) => schedule({ name })))
    await go(stage, START_MS + MINUTE_MS, 's1199')
    await until('all ticked', async () => (await stage.list()).length === names.length)
  })

  promised('a year later it still ticks', async (stage) => {
    await stage.engine.cron.put([
      schedule({ timing: { expression: '0 0 1 1 *', timezone: 'UTC' }, catchUp: 'none' }),
    ])
    await stage.jump(365 * DAY_MS - 1)
    await go(stage, START_MS + 365 * DAY_MS)
    assert.deepEqual(await stage.list(), ['cron:a:2027-01-01T00:00:00.000Z'])
  })
}

export function cronReopening(promised: Promised): void {
  promised(
    'schedules, and how far they came, outlive the process; ticks of the time between are caught up',
    async (stage) => {
      await stage.engine.cron.put([
        schedule({ overlap: 'queue', timing: { expression: '0 * * * *', timezone: 'UTC' } }),
      ])
      await go(stage, START_MS + HOUR_MS)
      await stage.reopen(2 * HOUR_MS)
      const hands = await stage.consume()
      for (const minute of [60, 120, 180]) {
        const delivery = await hands.next()
        assert.equal(delivery.id, idOfMinute(minute))
        await stage.engine.settle([returned(delivery)])
      }
      await until('nothing is kept back', async () => (await record(stage)).waiting === 0)
      const found = await record(stage)
      assert.deepEqual([found.fired, found.missed, found.nextMs[0]], [3, 0, START_MS + 4 * HOUR_MS])
    },
  )

  promised('ticks that were kept back are run after a restart', async (stage) => {
    await stage.engine.cron.put([schedule({ overlap: 'queue' })])
    await go(stage, START_MS + MINUTE_MS)
    await go(stage, START_MS + 2 * MINUTE_MS)
    const hands = await stage.consume()
    await stage.engine.settle([returned(await hands.next())])
    await stage.reopen()
    const after = await stage.consume()
    assert.equal((await after.next()).id, idOfMinute(2))
  })
}
