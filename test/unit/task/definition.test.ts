/** Definitions of task types: what they check, and that types follow from schemas (the type checker is half of this test). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import {
  checkInput,
  checkOutput,
  defineTask,
  isTaskDefinition,
  PermanentError,
  RetryLater,
  type TaskDefinition,
} from '../../../src/task/definition.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import type { StandardSchemaV1 } from '../../../src/task/standard-schema.ts'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function typesAreSame<A, B>(_same: Same<A, B>): void {}

type InputOf<D> = D extends TaskDefinition<infer Input, infer _O, infer _D> ? Input : never
type OutputOf<D> = D extends TaskDefinition<infer _I, infer Output, infer _D> ? Output : never

test('types follow from a zod schema: input for submitters, output for the handler, return value for the result', () => {
  const sum = defineTask({
    type: 'sum',
    input: z.array(z.number()),
    run: (data, context) => {
      typesAreSame<typeof data, number[]>(true)
      typesAreSame<typeof context.signal, AbortSignal>(true)
      return data.reduce((a, b) => a + b, 0)
    },
  })
  typesAreSame<InputOf<typeof sum>, number[]>(true)
  typesAreSame<OutputOf<typeof sum>, number>(true)
  // @ts-expect-error the handler gets numbers, not strings
  defineTask({ type: 'x', input: z.array(z.number()), run: (data) => data[0]?.charAt(0) })
})

test('a schema with defaults and transforms gives the submitter one type and the handler another', async () => {
  const mail = defineTask({
    type: 'mail',
    input: z.object({ to: z.string().transform((to) => to.length), copies: z.number().default(1) }),
    run: async (data) => {
      typesAreSame<typeof data, { to: number; copies: number }>(true)
      return { at: new Date(0), nothing: undefined, list: [data.to] as const }
    },
  })
  typesAreSame<InputOf<typeof mail>, { to: string; copies?: number | undefined }>(true)
  // A Date is a string after JSON.
  typesAreSame<OutputOf<typeof mail>['at'], string>(true)
  assert.deepEqual(await checkInput(mail, { to: 'abc' }), { to: 3, copies: 1 })
})

test('an output schema is held against the return value and gives the result its type', async () => {
  const task = defineTask({
    type: 'length',
    input: z.string(),
    output: z.object({ length: z.number() }),
    run: (data) => ({ length: data.length }),
  })
  typesAreSame<OutputOf<typeof task>, { length: number }>(true)
  assert.deepEqual(await checkOutput(task, { length: 3 }), { length: 3 })
  assert.throws(() => checkOutput(task, { length: 'x' }), /the result of task type "length" does not fit/)
  // @ts-expect-error the handler returns a string where the schema wants a number
  defineTask({ type: 'x', output: z.number(), run: () => 'no' })
})

test('without a schema the annotation of the handler is believed, and no annotation means unknown', async () => {
  const sleep = defineTask({ type: 'sleep', run: (data: { ms: number }) => void data.ms })
  typesAreSame<InputOf<typeof sleep>, { ms: number }>(true)
  typesAreSame<OutputOf<typeof sleep>, null>(true)
  const echo = defineTask({ type: 'echo', run: (data) => data })
  typesAreSame<InputOf<typeof echo>, unknown>(true)
  typesAreSame<OutputOf<typeof echo>, unknown>(true)
  const anything = { a: 1 }
  assert.equal(await checkInput(echo, anything), anything)
})

test('any definition fits where some definition is asked for', () => {
  const sum = defineTask({ type: 'sum', input: z.array(z.number()), run: (data) => data.length })
  const some: TaskDefinition[] = [sum, defineTask({ type: 'none', run: () => null })]
  assert.equal(some.length, 2)
})

test('data that does not fit is refused with INVALID_INPUT, naming the path and the reason', async () => {
  const task = defineTask({
    type: 'deep',
    input: z.object({ a: z.array(z.object({ b: z.string() })) }),
    run: () => 1,
  })
  assert.throws(
    () => checkInput(task, { a: [{ b: 'x' }, { b: 7 }] }),
    (error) =>
      error instanceof ChasquiError &&
      error.code === 'INVALID_INPUT' &&
      /a\[1\]\.b: /.test(error.message) &&
      JSON.stringify(error.details).includes('"path":"a[1].b"'),
  )
})

test('asynchronous schemas are awaited', async () => {
  const odd: StandardSchemaV1<number> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: async (value) =>
        Number(value) % 2 === 1 ? { value: Number(value) } : { issues: [{ message: 'even' }] },
    },
  }
  const task = defineTask({ type: 'odd', input: odd, run: (data) => data })
  assert.equal(await checkInput(task, 3), 3)
  await assert.rejects(async () => checkInput(task, 4), { code: 'INVALID_INPUT', message: /even/ })
})

test('defaults are kept apart and back-off short forms are written out', () => {
  const task = defineTask({
    type: 't',
    queue: 'q',
    priority: 9,
    timeoutMs: 50,
    backoff: [1, 2],
    run: () => 1,
  })
  assert.deepEqual(task.defaults, { priority: 9, timeoutMs: 50, backoff: { kind: 'list', delaysMs: [1, 2] } })
  assert.equal(task.queue, 'q')
  assert.equal(task.isolation, 'thread')
  assert.deepEqual(defineTask({ type: 't', backoff: 7, run: () => 1 }).defaults.backoff, {
    kind: 'fixed',
    delayMs: 7,
  })
  assert.deepEqual(
    defineTask({ type: 't', backoff: { kind: 'exponential', baseMs: 5 }, run: () => 1 }).defaults.backoff,
    {
      kind: 'exponential',
      baseMs: 5,
      maxMs: 300_000,
      jitter: true,
    },
  )
})

test('a definition that cannot be used is refused with a sentence that names the field', () => {
  const refused = (description: object, message: RegExp) =>
    assert.throws(() => defineTask(description as never), { code: 'CONFIG_INVALID', message })
  const run = () => 1
  refused({ type: '', run }, /its type must be a string of 1 to 128/)
  refused({ type: 't' }, /run must be a function/)
  refused({ type: 't', run, maxAttemps: 3 }, /"maxAttemps" is not a field/)
  refused({ type: 't', run, timeoutMs: 0 }, /timeoutMs must be a whole number from 1/)
  refused({ type: 't', run, isolation: 'planet' }, /isolation must be/)
  refused({ type: 't', run, input: {} }, /input must be a Standard Schema/)
  refused({ type: 't', run, backoff: [] }, /backoff must be/)
  refused({ type: 't', run, queue: '' }, /queue must be/)
})

test('definitions are recognised by a mark, and errors carry what the worker reads', () => {
  assert.ok(isTaskDefinition(defineTask({ type: 't', run: () => 1 })))
  assert.ok(!isTaskDefinition({ type: 't', run: () => 1 }))
  assert.ok(!isTaskDefinition(null))
  assert.equal(new PermanentError('no').retryable, false)
  assert.equal(new RetryLater(500).retryAfterMs, 500)
})
