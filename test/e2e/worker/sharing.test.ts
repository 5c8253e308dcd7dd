/** How slots share threads, and how many deliveries a worker keeps at hand. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBench, until } from './harness.ts'

test('several slots of one thread run asynchronous handlers at once', async (context) => {
  const { journal, submit, final, worker } = await openBench(context, { concurrency: 4, threads: 1 })
  const log = journal()
  const ids: string[] = []
  for (let n = 0; n < 6; n++) ids.push(await submit('gate', log))
  await log.until(4)
  assert.equal(worker.stats().running, 4)
  log.go()
  await final(...ids)
})

test('a thread can have a thousand slots', async (context) => {
  const { journal, submit, worker } = await openBench(context, { concurrency: 1_000, threads: 1 })
  const log = journal()
  await Promise.all(Array.from({ length: 1_000 }, () => submit('obey', log)))
  await until('all run', () => worker.stats().running === 1_000)
  await worker.drain({ deadlineMs: 0 })
  assert.equal(worker.stats().outcomes.released, 1_000)
})

test('with one slot a thread runs its tasks one after the other', async (context) => {
  const { journal, submit, final } = await openBench(context, { prefetch: 3 })
  const log = journal()
  await final(
    await submit('together', { ...log, ms: 5 }),
    await submit('together', { ...log, ms: 5 }),
    await submit('together', { ...log, ms: 5 }),
  )
  const pair = ['together begins', 'together ends']
  assert.deepEqual(log.lines(), [...pair, ...pair, ...pair])
})

test('an exclusive task has its thread for itself, and is not starved by others', async (context) => {
  const { journal, submit, final } = await openBench(context, { concurrency: 3, threads: 1, prefetch: 4 })
  const log = journal()
  const ids: string[] = []
  for (let n = 0; n < 12; n++) {
    ids.push(await submit(n % 4 === 2 ? 'alone' : 'together', { ...log, ms: 5 }))
  }
  await final(...ids)
  const lines = log.lines()
  assert.equal(lines.filter((line) => line === 'alone begins').length, 3)
  for (const [at, line] of lines.entries()) {
    if (line !== 'alone begins') continue
    assert.equal(lines[at + 1], 'alone ends')
    const open = lines.slice(0, at).reduce((n, l) => n + (l.endsWith('begins') ? 1 : -1), 0)
    assert.equal(open, 0, 'nothing else was running')
  }
})

test('an exclusive task gets its turn although others never stop coming', async (context) => {
  const { journal, submit, final } = await openBench(context, { concurrency: 2, threads: 1, prefetch: 16 })
  const log = journal()
  const feeders = feed(() => submit('together', { ...log, ms: 2 }), final)
  await log.until(4)
  const before = log.lines().length
  await final(await submit('alone', { ...log, ms: 1 }))
  const others = log.lines().indexOf('alone begins') - before
  assert.ok(others < 1_000, `${others / 2} others ran before it`)
  await feeders.stop()
})

test('an exclusive task does not wait for a thread that is busy for long while another could be emptied', async (context) => {
  const { engine, journal, submit, final } = await openBench(context, {
    concurrency: 4,
    threads: 2,
    prefetch: 16,
  })
  // Two long ones in each thread; then one of them ends, and its thread has the fewest tasks.
  const gates = [journal(), journal(), journal(), journal()]
  const ids: string[] = []
  for (const gate of gates) {
    ids.push(await submit('gate', gate))
    await gate.until(1)
  }
  gates[2]!.go()
  await final(ids[2]!)
  const log = journal()
  const alone = await submit('alone', { ...log, ms: 1 })
  await until('it is delivered', async () => (await engine.get([alone]))[0]?.state === 'running')
  const feeders = feed(() => submit('together', { ...log, ms: 2 }), final)
  await log.until(4)
  gates[1]!.go()
  gates[3]!.go()
  const [record] = await final(alone)
  assert.equal(record!.state, 'succeeded')
  assert.equal((await engine.get(ids))[0]?.state, 'running')
  await feeders.stop()
  gates[0]!.go()
})

/** Keeps more tasks coming than the threads hold, so that none is ever empty by chance. */
function feed(submit: () => Promise<string>, final: (id: string) => Promise<unknown>) {
  let isFed = true
  const feeders = Array.from({ length: 100 }, async () => {
    while (isFed) await final(await submit())
  })
  return {
    stop: async () => {
      isFed = false
      await Promise.all(feeders)
    },
  }
}

test('prefetch starts at one a slot and grows while tasks are short', async (context) => {
  const { engine, submit, final, worker } = await openBench(context, { concurrency: 2, threads: 2 })
  assert.equal(worker.stats().prefetch, 1)
  const ids: string[] = []
  for (let n = 0; n < 600; n++) ids.push(await submit('add', [n]))
  await final(...ids)
  assert.ok(worker.stats().prefetch > 16, `${worker.stats().prefetch}`)
  const [consumer] = (await engine.inspect()).consumers
  assert.equal(consumer!.prefetch, worker.stats().prefetch, 'the engine was told')
})

test('prefetch stays at one a slot while tasks are long', async (context) => {
  const { journal, submit, final, worker } = await openBench(context, { concurrency: 2, threads: 2 })
  const log = journal()
  const ids: string[] = []
  for (let n = 0; n < 10; n++) ids.push(await submit('together', { ...log, ms: 60 }))
  let most = 0
  const done = final(...ids)
  await until('all are settled', () => {
    most = Math.max(most, worker.stats().held)
    return worker.stats().outcomes.returned === 10
  })
  await done
  assert.equal(worker.stats().prefetch, 1)
  assert.ok(most <= 2, `held ${most}`)
})

test('what was taken in advance goes back when tasks turn out to be long', async (context) => {
  const { engine, journal, submit, final, worker } = await openBench(context)
  const short: string[] = []
  for (let n = 0; n < 400; n++) short.push(await submit('add', [n]))
  await final(...short)
  assert.ok(worker.stats().prefetch > 16)
  const log = journal()
  const long: string[] = []
  for (let n = 0; n < 10; n++) long.push(await submit('gate', log, { maxAttempts: 1 }))
  await until('one is kept', () => worker.stats().held === 1 && worker.stats().outcomes.released > 0)
  assert.equal(worker.stats().prefetch, 1)
  const states = (await engine.get(long)).map((task) => task?.state)
  assert.equal(states.filter((state) => state === 'queued').length, 9)
  log.go()
  for (const task of await final(...long)) {
    assert.equal(task.state, 'succeeded')
    assert.equal(task.attempt, 1)
  }
})
