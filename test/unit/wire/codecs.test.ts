/** What one side writes the other side reads, for everything but submissions (which have a file of their own). */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Delivery, EngineReport, TaskEvent } from '../../../src/engine/engine.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { TASK_STATES } from '../../../src/task/lifecycle.ts'
import { DELIVER_LENGTH_MAX, ERROR_MESSAGE_LENGTH_MAX } from '../../../src/task/limits.ts'
import type { Outcome } from '../../../src/task/outcome.ts'
import { PLAIN_QUEUE } from '../../../src/task/queue.ts'
import type { Receipt, Refusal, TaskRecord } from '../../../src/task/task.ts'
import {
  readDeliveries,
  readRevocation,
  writeDeliveries,
  writeRevocation,
} from '../../../src/wire/delivery-codec.ts'
import { readEvent, readLogLines, writeEvent, writeLogLines } from '../../../src/wire/event-codec.ts'
import {
  readLeaseAnswers,
  readLeases,
  readLogReport,
  readOutcomes,
  readProgressReport,
  readSettlements,
  writeLeaseAnswers,
  writeLeases,
  writeOutcomes,
  writeReport,
  writeSettlements,
} from '../../../src/wire/outcome-codec.ts'
import { METHODS, NOTIFICATIONS } from '../../../src/wire/protocol.ts'
import {
  readConsume,
  readListQuery,
  readRetrySelection,
  readWatchQuery,
  writeConsume,
  writeListQuery,
  writeRetrySelection,
  writeWatchQuery,
} from '../../../src/wire/query-codec.ts'
import { readReceipts, readRefusedReceipts, writeReceipts } from '../../../src/wire/receipt-codec.ts'
import {
  readChanges,
  readPage,
  readRecords,
  readRetryAnswer,
  writeChanges,
  writePage,
  writeRecords,
  writeRetryAnswer,
} from '../../../src/wire/record-codec.ts'
import { readStats, writeStats } from '../../../src/wire/report-codec.ts'

const string = fc.string({ unit: 'binary', maxLength: 10 }).map((text) => text.toWellFormed())
const name = string.map((text) => `n${text.replaceAll(/\p{Cc}/gu, '')}`)
const ms = fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) })
const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value))
const count = fc.nat(100_000)
const state = fc.constantFrom(...TASK_STATES)
const metadata = fc.dictionary(name, string, { minKeys: 1, maxKeys: 3, noNullPrototype: true })
const worker = fc.record({ id: name, pid: count, host: string })
const error = fc.record(
  { name: string, message: string, stack: string },
  { requiredKeys: ['name', 'message'] },
)
const progress = fc
  .record({ done: count, total: fc.option(count), note: string }, { requiredKeys: ['done', 'total'] })
  .map((progress) => progress as { done: number; total: number | null; note?: string })
const epoch = fc.nat()
const lease = fc.record({ id: string, epoch })

/** Clones, for generated records have no prototype, which does not matter here. */
function same(actual: unknown, expected: unknown): void {
  assert.deepEqual(structuredClone(actual), structuredClone(expected))
}

function fits(schema: TSchema, value: unknown): void {
  same(Compile(schema).Errors(value), [])
}

const record = fc.record(
  {
    id: name,
    type: name,
    queue: name,
    state,
    priority: fc.nat(9),
    attempt: count,
    maxAttempts: count,
    crashes: count,
    createdAtMs: ms,
    runAtMs: ms.map((at) => at + 1),
    startedAtMs: ms,
    finishedAtMs: ms,
    expiresAtMs: ms,
    resultText: json,
    error,
    progress,
    worker,
    key: name,
    metadata,
    dataText: json,
  },
  {
    requiredKeys: [
      'id',
      'type',
      'queue',
      'state',
      'priority',
      'attempt',
      'maxAttempts',
      'crashes',
      'createdAtMs',
      'runAtMs',
    ],
  },
) as fc.Arbitrary<TaskRecord>

test('records', () => {
  fc.assert(
    fc.property(fc.array(fc.option(record), { maxLength: 3 }), (records) => {
      const wire = JSON.parse(writeRecords(records))
      fits(METHODS['task.get'].result, wire)
      same(readRecords(wire), records)
    }),
    { numRuns: 300 },
  )
})

test('a task that was never delayed is due since it was made', () => {
  const plain = {
    id: 'a',
    type: 'a',
    queue: 'a',
    state: 'queued',
    priority: 4,
    attempt: 0,
    maxAttempts: 5,
  } as const
  const [read] = readRecords(JSON.parse(writeRecords([{ ...plain, crashes: 0, createdAtMs: 9, runAtMs: 0 }])))
  assert.equal(read?.runAtMs, 9)
})

test('pages, changes, answers to retry', () => {
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 2 }),
      fc.option(string),
      fc.array(fc.option(fc.record({ id: name, state, changed: fc.boolean() }))),
      fc.boolean(),
      (tasks, cursor, changes, more) => {
        const page = JSON.parse(writePage({ tasks, cursor }))
        fits(METHODS['task.list'].result, page)
        same(readPage(page), { tasks, cursor })
        fits(METHODS['task.cancel'].result, JSON.parse(writeChanges(changes)))
        same(readChanges(JSON.parse(writeChanges(changes))), changes)
        const answer = JSON.parse(writeRetryAnswer({ tasks: changes, more }))
        fits(METHODS['task.retry'].result, answer)
        same(readRetryAnswer(answer), { tasks: changes, more })
      },
    ),
  )
})

describe('receipts', () => {
  const receipt: Receipt = { id: 'a"b', state: 'queued', duplicate: true, durability: 'disk' }
  const refusal: Refusal = { id: 'c', refused: { code: 'ID_CONFLICT', message: 'no' } }
  const later: Refusal = { id: 'd', refused: { code: 'RETRY_AFTER', message: 'later', retryAfterMs: 5 } }

  test('in the order asked, refusals among them', () => {
    const wire = JSON.parse(writeReceipts([refusal, receipt, later]))
    fits(METHODS['task.submit'].result, wire)
    same(readReceipts(wire), [refusal, receipt, later])
    same(wire.receipts[2], {
      id: 'd',
      error: { code: -32001, name: 'RETRY_AFTER', message: 'later', retryable: true, retryAfterMs: 5 },
    })
  })

  test('when all were refused the reply is the first error, with all of them', () => {
    assert.throws(
      () => writeReceipts([refusal, later]),
      (error) => {
        assert.ok(error instanceof ChasquiError)
        assert.equal(error.code, 'ID_CONFLICT')
        same(readRefusedReceipts(JSON.parse(JSON.stringify({ error })) && error), [refusal, later])
        return true
      },
    )
  })

  test('no task, no error', () => assert.equal(writeReceipts([]), '{"receipts":[]}'))

  test('a call that failed as a whole says nothing of single tasks', () => {
    assert.equal(readRefusedReceipts(new ChasquiError('RETRY_AFTER', 'later', { retryAfterMs: 5 })), null)
  })
})

const delivery: fc.Arbitrary<Delivery> = fc.record({
  id: name,
  type: name,
  queue: name,
  priority: fc.nat(9),
  dataText: json,
  metadata: fc.option(metadata),
  key: fc.option(name),
  attempt: count,
  maxAttempts: count,
  timeoutMs: fc.option(count),
  epoch,
  leaseMs: count,
})

test('deliveries, with their payload as a value and as text', () => {
  fc.assert(
    fc.property(
      fc.array(delivery, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('json', 'text'),
      (deliveries, form) => {
        const [text, ...more] = writeDeliveries('c1', deliveries, form)
        same(more, [])
        const wire = JSON.parse(text!)
        fits(NOTIFICATIONS['work.deliver'].params, wire)
        same(readDeliveries(wire), { consumer: 'c1', deliveries })
      },
    ),
    { numRuns: 300 },
  )
})

test('a batch of large payloads goes out in several notifications', () => {
  const dataText = JSON.stringify('x'.repeat(DELIVER_LENGTH_MAX / 2))
  const deliveries = ['a', 'b', 'c', 'd', 'e'].map(
    (id): Delivery => ({
      id,
      type: 't',
      queue: 'q',
      priority: 4,
      dataText,
      metadata: null,
      key: null,
      attempt: 1,
      maxAttempts: 5,
      timeoutMs: null,
      epoch: 1,
      leaseMs: 1,
    }),
  )
  const texts = writeDeliveries('c1', deliveries, 'json')
  assert.equal(texts.length, 3)
  same(
    texts.flatMap((text) => readDeliveries(JSON.parse(text)).deliveries),
    deliveries,
  )
})

test('revocations and leases', () => {
  fc.assert(
    fc.property(fc.array(lease), fc.option(name, { nil: undefined }), (leases, consumer) => {
      const wire = JSON.parse(writeRevocation('c1', leases))
      fits(NOTIFICATIONS['work.revoke'].params, wire)
      same(readRevocation(wire), { consumer: 'c1', leases })
      const params = JSON.parse(writeLeases(leases, consumer))
      fits(METHODS['work.extend'].params, params)
      same(readLeases(params), leases)
      assert.equal(params.consumer, consumer)
    }),
  )
})

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ id: string, epoch, kind: fc.constant('returned' as const), valueText: json }),
  fc.record(
    {
      id: string,
      epoch,
      kind: fc.constant('threw' as const),
      error,
      retryable: fc.boolean(),
      retryAfterMs: count,
    },
    { requiredKeys: ['id', 'epoch', 'kind', 'error', 'retryable'] },
  ),
  fc.record({ id: string, epoch, kind: fc.constantFrom('timedOut' as const, 'crashed' as const), error }),
  fc.record({ id: string, epoch, kind: fc.constant('released' as const) }),
) as fc.Arbitrary<Outcome>

test('outcomes', () => {
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 4 }), (outcomes) => {
      const params = JSON.parse(writeOutcomes(outcomes))
      fits(METHODS['work.settle'].params, params)
      same(readOutcomes(params), outcomes)
    }),
    { numRuns: 300 },
  )
})

describe('outcomes of foreign workers', () => {
  const read = (outcome: unknown) => readOutcomes({ outcomes: [outcome] })[0]

  test('what is left out has its default', () => {
    same(read({ id: 'a', epoch: 1, kind: 'returned' }), {
      id: 'a',
      epoch: 1,
      kind: 'returned',
      valueText: 'null',
    })
    same(read({ id: 'a', epoch: 1, kind: 'threw', error: {} }), {
      id: 'a',
      epoch: 1,
      kind: 'threw',
      error: { name: 'Error', message: 'the handler failed and gave no message' },
      retryable: true,
    })
    same(read({ id: 'a', epoch: 1, kind: 'timedOut' }), {
      id: 'a',
      epoch: 1,
      kind: 'timedOut',
      error: { name: 'TimeoutError', message: 'the attempt took longer than its timeoutMs' },
    })
  })

  test('long words are cut, not refused, and never in the middle of a character', () => {
    const message = `${'x'.repeat(ERROR_MESSAGE_LENGTH_MAX - 1)}😀😀`
    const cut = read({ id: 'a', epoch: 1, kind: 'threw', error: { message } })
    assert.ok(cut?.kind === 'threw')
    assert.equal(cut.error.message, `${'x'.repeat(ERROR_MESSAGE_LENGTH_MAX - 1)}\ufffd`)
  })

  test('what is wrong is refused as the schema refuses it, naming the entry', () => {
    const good = { id: 'a', epoch: 1, kind: 'released' }
    const wrong: readonly [unknown, string][] = [
      [1, 'outcomes[1]'],
      [{ epoch: 1, kind: 'returned' }, 'outcomes[1].id'],
      [{ id: 7, epoch: 1, kind: 'returned' }, 'outcomes[1].id'],
      [{ id: 'a', epoch: 1.5, kind: 'returned' }, 'outcomes[1].epoch'],
      [{ id: 'a', epoch: '1', kind: 'returned' }, 'outcomes[1].epoch'],
      [{ id: 'a', epoch: 1, kind: 'done' }, 'outcomes[1].kind'],
      [{ id: 'a', epoch: 1, kind: 'threw' }, 'outcomes[1].error'],
      [{ id: 'a', epoch: 1, kind: 'threw', error: 'x' }, 'outcomes[1].error'],
      [{ id: 'a', epoch: 1, kind: 'threw', error: { message: 1 } }, 'outcomes[1].error.message'],
      [{ id: 'a', epoch: 1, kind: 'threw', error: { retryable: 1 } }, 'outcomes[1].error.retryable'],
      [{ id: 'a', epoch: 1, kind: 'threw', error: { retryAfterMs: -1 } }, 'outcomes[1].error.retryAfterMs'],
    ]
    const schema = Compile(METHODS['work.settle'].params)
    for (const [outcome, field] of wrong) {
      const params = { outcomes: [good, outcome] }
      assert.equal(schema.Check(params), false, field)
      assert.throws(() => readOutcomes(params), { code: 'INVALID_PARAMS', details: { field } })
    }
    assert.throws(() => readOutcomes({ outcomes: {} }), { code: 'INVALID_PARAMS' })
    assert.throws(() => readOutcomes({ outcomes: Array(10_001).fill(good) }), { code: 'INVALID_PARAMS' })
  })

  test('a value is no deeper than the limit', () => {
    const value = JSON.parse('['.repeat(129) + ']'.repeat(129))
    assert.throws(() => read({ id: 'a', epoch: 1, kind: 'returned', value }), { code: 'TOO_DEEP' })
  })
})

test('settlements and answers about leases', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ id: name, accepted: fc.boolean(), state: fc.option(state) })),
      fc.array(fc.record({ id: name, accepted: fc.boolean() })),
      (settlements, answers) => {
        const wire = JSON.parse(writeSettlements(settlements))
        fits(METHODS['work.settle'].result, wire)
        same(readSettlements(wire), settlements)
        const extended = JSON.parse(writeLeaseAnswers('extended', answers))
        fits(METHODS['work.extend'].result, extended)
        same(readLeaseAnswers('extended', extended), answers)
        fits(METHODS['work.release'].result, JSON.parse(writeLeaseAnswers('released', answers)))
      },
    ),
  )
})

test('reports of progress and log lines', () => {
  const line = fc.record({ level: fc.constantFrom('debug', 'info', 'warn', 'error'), text: string })
  fc.assert(
    fc.property(lease, progress, fc.array(line, { maxLength: 3 }), (lease, progress, lines) => {
      const first = writeReport({ ...lease, progress })
      assert.equal(first.method, 'work.progress')
      fits(METHODS['work.progress'].params, JSON.parse(first.paramsText))
      same(readProgressReport(JSON.parse(first.paramsText)), { ...lease, progress })
      const second = writeReport({ ...lease, lines: lines.map((line) => ({ ...line, atMs: 5 })) })
      assert.equal(second.method, 'work.log')
      fits(METHODS['work.log'].params, JSON.parse(second.paramsText))
      same(readLogReport(JSON.parse(second.paramsText), 9), {
        ...lease,
        lines: lines.map((line) => ({ ...line, atMs: 5 })),
      })
    }),
  )
  same(readLogReport({ id: 'a', epoch: 1, lines: ['plain'] }, 9), {
    id: 'a',
    epoch: 1,
    lines: [{ level: 'info', text: 'plain', atMs: 9 }],
  })
  assert.throws(() => readLogReport({ id: 'a', epoch: 1, lines: [{ level: 'fatal', text: '' }] }, 9), {
    code: 'INVALID_PARAMS',
  })
  assert.throws(() => readProgressReport({ id: 'a', epoch: 1, done: JSON.parse('1e999') }), {
    code: 'INVALID_PARAMS',
  })
})

const logLine = fc.record({
  number: count,
  atMs: ms,
  attempt: count,
  level: fc.constantFrom('debug' as const, 'info' as const, 'warn' as const, 'error' as const),
  text: string,
})

test('events and log lines', () => {
  const event = fc.record(
    {
      atMs: ms,
      id: name,
      type: name,
      queue: name,
      state,
      attempt: count,
      progress,
      lines: fc.array(logLine, { maxLength: 2 }),
      dropped: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ['atMs', 'id', 'type', 'queue', 'state', 'attempt'] },
  ) as fc.Arbitrary<TaskEvent>
  fc.assert(
    fc.property(event, fc.array(logLine, { maxLength: 3 }), (event, lines) => {
      const wire = JSON.parse(writeEvent('w1', event))
      fits(NOTIFICATIONS['task.event'].params, wire)
      same(readEvent(wire), { watch: 'w1', event })
      const log = JSON.parse(writeLogLines(lines))
      fits(METHODS['task.log'].result, log)
      same(readLogLines(log), lines)
    }),
    { numRuns: 300 },
  )
})

test('queries', () => {
  const names = fc.array(name, { minLength: 1, maxLength: 3 })
  const filter = fc.record(
    { states: fc.array(state, { minLength: 1 }), types: names, queues: names },
    { requiredKeys: [] },
  )
  const retry = fc.record({ types: names, queues: names }, { requiredKeys: [] })
  fc.assert(
    fc.property(filter, fc.integer({ min: 1, max: 1_000 }), names, retry, (filter, limit, ids, retry) => {
      const list = { ...filter, limit, cursor: 'c', data: true }
      fits(METHODS['task.list'].params, JSON.parse(writeListQuery(list)))
      same(readListQuery(JSON.parse(writeListQuery(list))), list)
      const watch = { ...filter, ids }
      fits(METHODS['task.watch'].params, JSON.parse(writeWatchQuery(watch)))
      same(readWatchQuery(JSON.parse(writeWatchQuery(watch))), watch)
      for (const selection of [{ ids }, { filter: retry }]) {
        const params = JSON.parse(writeRetrySelection(selection))
        fits(METHODS['task.retry'].params, params)
        same(readRetrySelection(params), selection)
      }
    }),
  )
  same(readListQuery({ state: 'failed', type: 'a' }), {
    states: ['failed'],
    types: ['a'],
    limit: 100,
  })
})

test('consume requests', () => {
  const request = {
    queues: ['a', 'b'],
    types: null,
    slots: 2,
    prefetch: 3,
    worker: { id: 'w', pid: 1, host: 'h' },
  }
  const params = JSON.parse(writeConsume(request, 'text'))
  fits(METHODS['work.consume'].params, params)
  same(readConsume(params), { ...request, payload: 'text' })
  same(readConsume({}), {
    queues: ['default'],
    types: null,
    slots: 1,
    prefetch: 1,
    payload: 'json',
  })
})

test('the look at everything', () => {
  const report: EngineReport = {
    kind: 'memory',
    durability: 'memory',
    queues: [
      {
        queue: 'default',
        settings: { ...PLAIN_QUEUE, mode: 'paused', defaults: { maxAttempts: 3 }, tasksMax: 5 },
        scheduled: 1,
        blocked: 2,
        queued: 3,
        running: 4,
        oldestQueuedAtMs: 5,
        totals: { submitted: 6, succeeded: 7, failed: 8, canceled: 9, expired: 10 },
      },
      {
        queue: 'other',
        settings: PLAIN_QUEUE,
        scheduled: 0,
        blocked: 0,
        queued: 0,
        running: 0,
        oldestQueuedAtMs: null,
        totals: { submitted: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 },
      },
    ],
    consumers: [
      {
        id: 'c1',
        worker: { id: 'w', pid: 1, host: 'h' },
        queues: ['default'],
        types: ['sumar'],
        slots: 1,
        prefetch: 2,
        held: 3,
        connectedAtMs: 4,
        delivered: 5,
        settled: 6,
      },
    ],
    store: { tasks: 5, path: 'x' },
  }
  const server = {
    name: 'chasqui',
    version: '1',
    pid: 2,
    startedAtMs: 3,
    uptimeMs: 4,
    ready: true,
    connections: 5,
    memory: { rssBytes: 6, heapUsedBytes: 7 },
  }
  const wire = JSON.parse(writeStats(report, server))
  fits(METHODS['system.stats'].result, wire)
  same(readStats(wire), { report, server })
})
