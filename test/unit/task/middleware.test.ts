/** Middleware around submit and run, on a whole system in one process: its order, what it may change, and what goes wrong in it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { defineTask } from '../../../src/task/definition.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { checkUse, forTask, type Middleware } from '../../../src/task/middleware.ts'
import { openTestSystem } from '../../../src/testing.ts'

const sumar = defineTask({
  type: 'sumar',
  input: z.array(z.number()),
  run: (data) => data.reduce((a, b) => a + b, 0),
})
const other = defineTask({ type: 'other', run: (data: string) => data })
const fails = defineTask({
  type: 'fails',
  maxAttempts: 1,
  run: (_data, { log, progress }) => {
    log.info('a line')
    progress(1, 2, 'a note')
    throw new RangeError('a message')
  },
})

/** Notes when it is passed, on the way in and on the way out. */
function noting(name: string, notes: string[]): Middleware {
  return {
    name,
    async submit(submission, next) {
      notes.push(`${name} submits`)
      const receipt = await next(submission)
      notes.push(`${name} has ${receipt.state}`)
      return receipt
    },
    read(record) {
      notes.push(`${name} reads`)
      return record
    },
    async run(data, _context, next) {
      notes.push(`${name} runs ${JSON.stringify(data)}`)
      const value = await next()
      notes.push(`${name} has ${JSON.stringify(value)}`)
      return value
    },
  }
}

test('a list reads from the code to the wire at both ends', async () => {
  const notes: string[] = []
  await using system = openTestSystem({
    tasks: [sumar],
    use: [noting('outer', notes), noting('wire', notes)],
  })
  const task = await system.client.submit(sumar, [5, 7])
  await system.run()
  assert.equal(await task.result(), 12)
  assert.deepEqual(notes, [
    'outer submits',
    'wire submits',
    'wire has queued',
    'outer has queued',
    'wire runs [5,7]',
    'outer runs [5,7]',
    'outer has 12',
    'wire has 12',
    'wire reads',
    'outer reads',
  ])
})

test('it changes what is sent, what a handler gets, what it returned, and what is read', async () => {
  const changing: Middleware = {
    name: 'changing',
    submit: (submission, next) =>
      next({ ...submission, options: { ...submission.options, metadata: { by: 'middleware' } } }),
    run: async (data, _context, next) => ({ doubled: (await next((data as number[]).slice(1))) as number }),
    read: async (record) =>
      record.resultText === undefined ? record : { ...record, resultText: `[${record.resultText}]` },
  }
  await using system = openTestSystem({ tasks: [sumar], use: [changing] })
  const task = await system.client.submit(sumar, [100, 5, 7])
  await system.run()
  const status = await task.status()
  assert.deepEqual(status?.result, [{ doubled: 12 }])
  assert.deepEqual(status?.metadata, { by: 'middleware' })
  const { tasks } = await system.client.list()
  assert.deepEqual(tasks[0]!.result, [{ doubled: 12 }])
  assert.deepEqual((await system.client.wait([task.id]))[0]?.result, [{ doubled: 12 }])
})

test('the input schema sees what middleware passes on, and the output of the handler is what it gets back', async () => {
  const spoiling: Middleware = { name: 'spoiling', run: (_data, _context, next) => next('no list') }
  await using system = openTestSystem({ tasks: [sumar], use: [spoiling] })
  const task = await system.client.submit(sumar, [1])
  await system.run()
  const { error } = (await task.status())!
  assert.equal(error?.name, 'INVALID_INPUT')
})

test('one that does not call next skips the handler, and submits nothing', async () => {
  const cached: Middleware = { name: 'cached', run: () => 'from the cache' }
  await using system = openTestSystem({ tasks: [other], use: [cached] })
  const task = await system.client.submit(other, 'x')
  await system.run()
  assert.equal(await task.result(), 'from the cache')

  const closed: Middleware = {
    name: 'closed',
    submit: () => Promise.reject(new ChasquiError('FORBIDDEN', 'not today')),
  }
  await using refusing = openTestSystem({ tasks: [other], use: [closed] })
  await assert.rejects(refusing.client.submit(other, 'x'), { code: 'FORBIDDEN' })
  assert.deepEqual((await refusing.client.list()).tasks, [])
  const throwing: Middleware = {
    name: 'throwing',
    submit: () => {
      throw new TypeError('at once')
    },
  }
  await using broken = openTestSystem({ tasks: [other], use: [throwing] })
  await assert.rejects(broken.client.submit(other, 'x'), { message: 'at once' })
})

test('middleware of one task type has its types, and leaves others alone', async () => {
  const seen: number[][] = []
  const twice = forTask(sumar, {
    submit: (data, next) => next([...data, 1]),
    async run(data, { attempt }, next) {
      seen.push([...data, attempt])
      const sum: number = await next()
      return sum * 2
    },
  })
  // @ts-expect-error: the data of sumar is numbers
  forTask(sumar, { run: (_data, _context, next) => next(['a']) })
  await using system = openTestSystem({ tasks: [sumar, other], use: [twice] })
  const [sum, same] = [await system.client.submit(sumar, [2, 3]), await system.client.submit(other, 'x')]
  await system.run()
  assert.equal(await sum.result(), 12)
  assert.equal(await same.result(), 'x')
  assert.deepEqual(seen, [[2, 3, 1, 1]])
})

test('what handlers say is written by the worker and read by the client: messages, stacks, notes, lines', async () => {
  const reversed = (text: string) => [...text].reverse().join('')
  const secretive: Middleware = {
    name: 'secretive',
    texts: { write: (text) => reversed(text), read: (text) => reversed(text) },
  }
  await using system = openTestSystem({ tasks: [fails], use: [secretive] })
  const events = system.client.watch()
  await events.started
  const task = await system.client.submit(fails, null)
  await system.run()
  const [raw] = await system.engine.get([task.id])
  assert.equal(raw!.error!.message, 'egassem a')
  assert.equal(raw!.error!.name, 'RangeError')
  assert.equal((await system.engine.log(task.id, 0))[0]!.text, 'enil a')
  const read = await task.status()
  assert.equal(read!.error!.message, 'a message')
  assert.match(read!.error!.stack!, /^RangeError: a message\n/)
  assert.equal((await system.client.log(task.id))[0]!.text, 'a line')
  const told: string[] = []
  for await (const { lines, progress, state } of events) {
    if (progress?.note !== undefined) told.push(progress.note)
    for (const { text } of lines ?? []) told.push(text)
    if (state === 'failed') break
  }
  assert.deepEqual(told.sort(), ['a line', 'a note'])
})

test('a record that cannot be read says why, and spoils no list', async () => {
  const forgetful: Middleware = {
    name: 'forgetful',
    read(record) {
      if (record.type === 'other') throw new ChasquiError('KEY_UNKNOWN', 'the key is gone')
      return record
    },
  }
  await using system = openTestSystem({ tasks: [sumar, other], use: [forgetful] })
  const [sum, lost] = [await system.client.submit(sumar, [1]), await system.client.submit(other, 'x')]
  await system.run()
  assert.equal(await sum.result(), 1)
  await assert.rejects(lost.result(), { code: 'KEY_UNKNOWN', message: 'the key is gone' })
  const { tasks } = await system.client.list()
  assert.deepEqual(
    tasks.map(({ type, unreadable }) => [type, unreadable?.code]),
    [
      ['other', 'KEY_UNKNOWN'],
      ['sumar', undefined],
    ],
  )
})

test('what is no middleware is refused by name', () => {
  for (const [value, why] of [
    [{}, /must be a list/],
    [[() => 1], /objects with a name/],
    [[{ name: 'a', run: 1 }], /run of middleware "a" must be a function/],
  ] as const) {
    assert.throws(() => checkUse(value), why)
    assert.throws(() => openTestSystem({ tasks: [sumar], use: value as never }), { code: 'CONFIG_INVALID' })
  }
})
