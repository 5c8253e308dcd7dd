/** Real child processes, a virtual clock. */

import assert from 'node:assert/strict'
import { EventEmitter, on } from 'node:events'
import { test } from 'node:test'
import {
  startWorkerProcesses,
  type WorkerProcessEvent,
  type WorkerProcesses,
} from '../../../src/app/worker-processes.ts'
import { VirtualClock } from '../../../src/task/clock.ts'

/** Runs until its standard input ends. */
const DRAINING = ['-e', 'process.stdin.on("end", () => process.exit(0)).resume()']
/** Notices nothing. */
const STUBBORN = ['-e', 'setInterval(() => {}, 1000)']

interface Stage {
  readonly processes: WorkerProcesses
  readonly clock: VirtualClock
  next(kind: WorkerProcessEvent['kind']): Promise<WorkerProcessEvent>
}

async function withProcesses(
  count: number,
  args: readonly string[],
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const emitter = new EventEmitter()
  const events = on(emitter, 'event')[Symbol.asyncIterator]()
  const clock = new VirtualClock()
  const onEvent = (event: WorkerProcessEvent) => void emitter.emit('event', event)
  const processes = startWorkerProcesses({ count, args, drainMs: 1_000, onEvent, clock })
  const next: Stage['next'] = async (kind) => {
    for (;;) {
      const [event] = (await events.next()).value as [WorkerProcessEvent]
      if (event.kind === kind) return event
    }
  }
  try {
    await run({ processes, clock, next })
  } finally {
    processes.kill()
  }
}

test('as many as asked for run, and all of them end when they are closed', () =>
  withProcesses(2, DRAINING, async ({ processes, next }) => {
    const pids = [...processes.pids]
    assert.equal(new Set(pids).size, 2)
    await processes.close()
    for (let ended = 0; ended < 2; ended++) {
      const event = await next('ended')
      assert.ok(event.kind === 'ended' && event.exitCode === 0 && event.restartMs === null)
    }
    assert.deepEqual(processes.pids, [])
    await processes.close()
  }))

test('one that is killed is started again, later each time, and soon again after it lived well', () =>
  withProcesses(1, DRAINING, async ({ processes, clock, next }) => {
    for (const expectedMs of [250, 500, 1_000]) {
      process.kill(processes.pids[0]!, 'SIGKILL')
      const event = await next('ended')
      assert.deepEqual(event, {
        kind: 'ended',
        pid: event.pid,
        exitCode: null,
        why: 'signal SIGKILL',
        restartMs: expectedMs,
      })
      assert.deepEqual(processes.pids, [])
      await clock.advance(expectedMs - 1)
      assert.deepEqual(processes.pids, [])
      await clock.advance(1)
      assert.equal(processes.pids.length, 1)
      assert.notEqual(processes.pids[0], event.pid)
    }
    await clock.advance(60_000)
    process.kill(processes.pids[0]!, 'SIGKILL')
    const event = await next('ended')
    assert.equal(event.kind === 'ended' && event.restartMs, 250)
    await processes.close()
    await clock.advance(60_000)
    assert.deepEqual(processes.pids, [], 'nothing is started after close')
  }))

test('the exit code of one that ends by itself is told', () =>
  withProcesses(1, ['-e', 'process.exit(2)'], async ({ next }) => {
    const event = await next('ended')
    assert.ok(event.kind === 'ended' && event.exitCode === 2 && event.why === 'exit code 2')
  }))

test('one that does not drain in time is killed', () =>
  withProcesses(1, STUBBORN, async ({ processes, clock, next }) => {
    const closing = processes.close()
    await clock.advance(1_000 + 5_000)
    await closing
    const event = await next('ended')
    assert.ok(event.kind === 'ended' && event.why === 'signal SIGKILL')
  }))
