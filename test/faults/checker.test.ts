/** The checker is only worth something if it catches what it is for: each rule meets a history that was forged to break it. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { QueueReport } from '../../src/engine/engine.ts'
import type { FinalState } from '../../src/task/lifecycle.ts'
import { PLAIN_QUEUE } from '../../src/task/queue.ts'
import type { TaskRecord } from '../../src/task/task.ts'
import type { Run } from '../support/run-log.ts'
import { check, type Judgement, type Remains } from './checker.ts'
import {
  type Cancellation,
  type Confirmation,
  createHistory,
  type History,
  note,
  type Sighting,
} from './history.ts'
import type { StoredTask, StoreLook } from './store-file.ts'

/** A history with nothing wrong in it, open for forgery: every part may be replaced. */
interface World {
  history: History
  records: Map<string, TaskRecord | null>
  listed: TaskRecord[]
  queues: QueueReport[]
  file: { -readonly [Key in keyof StoreLook]: StoreLook[Key] } & { tasks: Map<string, StoredTask> }
}

const VALUE = '{"id":"done","attempt":2,"mark":"m1"}'

/** `done` succeeded in its second attempt, `dead` failed for good, `gone` was cancelled before it was due. */
function soundWorld(): World {
  const history = createHistory()
  const at = (id: string, number: number): Confirmation => ({
    saw: 'confirmation',
    asked: id,
    id,
    duplicate: false,
    state: 'queued',
    durability: 'disk',
    atMs: 100 + number,
  })
  for (const [index, id] of ['done', 'dead', 'gone'].entries()) note(history, at(id, index))
  note(history, sighting('done', 'succeeded', { attempt: 2, result: VALUE, atMs: 400, finishedAtMs: 300 }))
  note(history, cancellation('gone', 'canceled', 200))
  history.runs.push(
    run('start', 'done', 1, 110),
    run('threw', 'done', 1, 120),
    run('start', 'done', 2, 210),
    run('returned', 'done', 2, 220, 'm1'),
    run('start', 'dead', 1, 130),
    run('threw', 'dead', 1, 140),
  )
  const listed = [
    record('done', 'succeeded', {
      attempt: 2,
      resultText: VALUE,
      finishedAtMs: 300,
      worker: { id: 'w1', pid: 1, host: 'h' },
    }),
    record('dead', 'failed', {
      attempt: 1,
      error: { name: 'PermanentError', message: 'no' },
      finishedAtMs: 150,
    }),
    record('gone', 'canceled', { attempt: 0, finishedAtMs: 190 }),
  ]
  return {
    history,
    records: new Map(listed.map((one) => [one.id, one])),
    listed,
    queues: [queue({ submitted: 3, succeeded: 1, failed: 1, canceled: 1, expired: 0 })],
    file: {
      faults: [],
      tasks: new Map(listed.map((one, index) => [one.id, stored(one, index + 1)])),
      live: { ready: 0, scheduled: 0, expiry: 0 },
      leased: new Map(),
      leaseRows: 0,
    },
  }
}

function judge({ history, records, listed, queues, file }: World): Judgement {
  const report = { kind: 'forged', durability: 'disk', queues, consumers: [], store: {} } as const
  const remains: Remains = { records, listed, report, file }
  return check(history, remains, { lateStartMs: 50 })
}

/** The forgery must be found, by its own rule. */
function caught(what: string, sentence: RegExp, forge: (world: World) => void): void {
  test(what, () => {
    const world = soundWorld()
    forge(world)
    const { violations } = judge(world)
    assert.ok(
      violations.some((violation) => sentence.test(violation)),
      `not caught; said: ${JSON.stringify(violations)}`,
    )
  })
}

describe('the history checker', () => {
  test('finds nothing in a sound history, and counts', () => {
    assert.deepEqual(judge(soundWorld()), {
      violations: [],
      facts: {
        confirmed: 3,
        unconfirmed: 0,
        final: { succeeded: 1, failed: 1, canceled: 1, expired: 0 },
        repeatedStarts: 0,
        lateStarts: 0,
      },
    })
  })

  test('takes a second run of an attempt for a fact and not for an error', () => {
    const world = soundWorld()
    world.history.runs.push(run('start', 'done', 2, 230))
    const { violations, facts } = judge(world)
    assert.deepEqual(violations, [])
    assert.equal(facts.repeatedStarts, 1)
  })

  test('lets a start pass that was on its way when the cancel was told', () => {
    const world = soundWorld()
    world.history.runs.push(run('start', 'gone', 1, 240))
    const { violations, facts } = judge(world)
    assert.deepEqual(violations, [])
    assert.equal(facts.lateStarts, 1)
  })

  describe('catches', () => {
    caught('a confirmed task that is unknown', /^lost: done was confirmed and is unknown/, (world) => {
      world.records.set('done', null)
    })
    caught('a confirmed task that is not listed', /^lost: done was confirmed and is not listed/, (world) => {
      world.listed.shift()
    })
    caught('a confirmed task that is not in the file', /^lost: done .* not in the file/, (world) => {
      world.file.tasks.delete('done')
    })
    caught('a task that is listed twice', /^twice: done is listed 2 times/, (world) => {
      world.listed.push(world.listed[0]!)
    })
    caught('a task that is confirmed as new twice', /^receipt: done was confirmed as new twice/, (world) => {
      world.history.confirmations.push(world.history.confirmations[0]!)
    })
    caught(
      'a new task under another id',
      /^receipt: other was confirmed as new under the id done/,
      (world) => {
        world.history.confirmations.push({ ...world.history.confirmations[0]!, asked: 'other' })
      },
    )
    caught('a resubmission that was refused', /^receipt: done .* refused/, (world) => {
      note(world.history, { saw: 'doubt', asked: 'done', code: 'ID_CONFLICT' })
    })
    caught('a receipt that promises less than was asked for', /^receipt: done .* as relaxed/, (world) => {
      const [first] = world.history.confirmations
      world.history.confirmations[0] = { ...first!, durability: 'relaxed' }
    })
    caught('a task that is not final', /^not final: dead is running/, (world) => {
      world.listed[1] = { ...world.listed[1]!, state: 'running' }
    })
    caught('a record that reads otherwise in the list', /^differs: done is/, (world) => {
      world.listed[0] = { ...world.listed[0]!, attempt: 1 }
    })
    caught('a missing result row', /^no record: dead has no result row/, (world) => {
      world.file.tasks.set('dead', { seq: 2, id: 'dead', final: null })
    })
    caught('another state in the file', /^differs: dead .* succeeded .* in the file/, (world) => {
      const { final } = world.file.tasks.get('dead')!
      world.file.tasks.set('dead', { seq: 2, id: 'dead', final: { ...final!, state: 'succeeded' } })
    })
    caught('another value in the file', /^differs: done .* in the file/, (world) => {
      const { final } = world.file.tasks.get('done')!
      world.file.tasks.set('done', { seq: 1, id: 'done', final: { ...final!, value: '13' } })
    })
    caught('a task in the file that nobody lists', /^differs: ghost is in the file/, (world) => {
      world.file.tasks.set('ghost', { ...world.file.tasks.get('dead')!, id: 'ghost' })
    })
    caught('a result recorded twice: a waiter saw another value', /^changed: done was seen with/, (world) => {
      const value = '{"id":"done","attempt":2,"mark":"m0"}'
      note(world.history, sighting('done', 'succeeded', { result: value, finishedAtMs: 300 }))
    })
    caught(
      'a result recorded twice: a watcher saw another state',
      /^changed: done was seen failed/,
      (world) => {
        note(world.history, { ...sighting('done', 'failed', {}), by: 'event' })
      },
    )
    caught('a result recorded twice: another error', /^changed: dead was seen failed with "yes"/, (world) => {
      note(world.history, sighting('dead', 'failed', { error: 'yes', finishedAtMs: 150 }))
    })
    caught('a result recorded twice: another time', /^changed: done was seen finished at 299/, (world) => {
      note(world.history, sighting('done', 'succeeded', { result: VALUE, finishedAtMs: 299 }))
    })
    caught('a cancel that did not stay', /^changed: done was canceled/, (world) => {
      note(world.history, cancellation('done', 'canceled', 390))
    })
    caught('a start after the cancel was told', /^started late: gone started 60 ms after/, (world) => {
      world.history.runs.push(run('start', 'gone', 1, 260))
    })
    caught('a start after the result was told', /^started late: done started 100 ms after/, (world) => {
      world.history.runs.push(run('start', 'done', 2, 500))
    })
    caught('a result that nobody returned', /^made up: done has a result that no run/, (world) => {
      keepRuns(world, ({ moment }) => moment !== 'returned')
    })
    caught('a result of another attempt', /^made up: done has the result of attempt 1/, (world) => {
      world.history.runs.push(run('returned', 'done', 1, 115, 'm1'))
      keepRuns(world, (one) => !(one.attempt === 2 && one.mark === 'm1'))
    })
    caught('a result of another worker', /^made up: done has the result of process 1 recorded/, (world) => {
      const worker = { id: 'w2', pid: 2, host: 'h' }
      world.listed[0] = { ...world.listed[0]!, worker }
      world.records.set('done', world.listed[0])
    })
    caught('an attempt before the one before it had failed', /^attempts: done ran attempt 2/, (world) => {
      keepRuns(world, ({ id, moment }) => id !== 'done' || moment !== 'threw')
    })
    caught('an attempt that nobody ran', /^attempts: done succeeded in attempt 2, which nobody/, (world) => {
      keepRuns(world, ({ attempt }) => attempt !== 2)
    })
    caught('totals that do not add up', /^totals: default: 4 submitted, 3 accounted for/, (world) => {
      world.queues[0] = queue({ submitted: 4, succeeded: 1, failed: 1, canceled: 1, expired: 0 })
    })
    caught('a total that the list does not bear out', /^totals: default: 2 succeeded in total/, (world) => {
      world.queues[0] = queue({ submitted: 3, succeeded: 2, failed: 0, canceled: 1, expired: 0 })
    })
    caught(
      'a waiting task in the counts that nobody lists',
      /^totals: default: 1 queued, 0 listed/,
      (world) => {
        world.queues[0] = { ...world.queues[0]!, queued: 1 }
      },
    )
    caught('a queue that is not in the report', /^totals: queue default has 3 tasks/, (world) => {
      world.queues = []
    })
    caught('whatever is wrong in the file', /^file: done is in no place/, (world) => {
      world.file.faults = ['done is in no place']
    })
    for (const table of ['ready', 'scheduled', 'expiry'] as const) {
      caught(`rows left in ${table}`, new RegExp(`^left over: 1 rows in ${table}`), (world) => {
        world.file.live = { ...world.file.live, [table]: 1 }
      })
    }
    caught('lease rows left', /^left over: 1 rows in lease/, (world) => {
      world.file.leaseRows = 1
    })
  })
})

function keepRuns(world: World, keep: (run: Run) => boolean): void {
  world.history = { ...world.history, runs: world.history.runs.filter(keep) }
}

// ---- parts of a world -------------------------------------------------------------------------------------

function run(moment: Run['moment'], id: string, attempt: number, atMs: number, mark?: string): Run {
  return { moment, id, attempt, pid: 1, atMs, ...(mark !== undefined && { mark }) }
}

function sighting(id: string, state: FinalState, over: Partial<Sighting>): Sighting {
  return { saw: 'final', by: 'wait', id, state, attempt: 1, atMs: 400, ...over }
}

function cancellation(id: string, state: FinalState, atMs: number): Cancellation {
  return { saw: 'cancellation', id, state, changed: true, atMs }
}

function record(id: string, state: FinalState, over: Partial<TaskRecord>): TaskRecord {
  const times = { createdAtMs: 100, runAtMs: 100 }
  return {
    id,
    type: 'work',
    queue: 'default',
    state,
    priority: 4,
    attempt: 1,
    maxAttempts: 5,
    crashes: 0,
    ...times,
    ...over,
  }
}

function stored(one: TaskRecord, seq: number): StoredTask {
  const { id, state, attempt, finishedAtMs, resultText, error } = one
  const final = {
    state: state as FinalState,
    epoch: 1,
    attempt,
    finishedAtMs: finishedAtMs!,
    value: resultText ?? null,
    error: error === undefined ? null : JSON.stringify(error),
  }
  return { seq, id, final }
}

function queue(totals: QueueReport['totals']): QueueReport {
  return {
    queue: 'default',
    settings: PLAIN_QUEUE,
    scheduled: 0,
    blocked: 0,
    queued: 0,
    running: 0,
    oldestQueuedAtMs: null,
    totals,
  }
}
