/**
 * `chasqui/testing`: a whole system in one process and on virtual time, for tests of your own tasks. Nothing listens, nothing is
 * written, and a day passes in no time.
 *
 * ```ts
 * import { openTestSystem } from 'chasqui/testing'
 * import { remind, sumar } from './tasks.ts'
 *
 * test('adds up, and reminds a day later', async () => {
 *   await using system = openTestSystem({ tasks: [sumar, remind] })
 *   const task = await system.client.submit(sumar, [5, 7])
 *   await system.run()
 *   assert.equal(await task.result(), 12)
 *
 *   const reminder = await system.client.submit(remind, 'ana', { delayMs: 86_400_000 })
 *   await system.run()
 *   assert.equal((await reminder.status())?.state, 'scheduled')
 *   await system.advance(86_400_000)
 *   assert.equal((await reminder.status())?.state, 'succeeded')
 * })
 * ```
 */

import { type Client, createClient } from './client/client.ts'
import type { Engine } from './engine/engine.ts'
import { openMemoryEngine } from './engine/memory/memory-engine.ts'
import { VirtualClock } from './task/clock.ts'
import type { TaskDefinition } from './task/definition.ts'
import type { Use } from './task/middleware.ts'
import { InlineRunner } from './testing/inline-runner.ts'

export { openMemoryEngine } from './engine/memory/memory-engine.ts'
export { VirtualClock } from './task/clock.ts'

export interface TestSystemOptions {
  /** Whose handlers `run` runs. Tasks of other types stay queued. */
  readonly tasks: readonly TaskDefinition[]
  /** Queues to take from, besides the default one and those that the definitions name. */
  readonly queues?: readonly string[]
  /** Middleware of the client and of the handlers. */
  readonly use?: Use
  /** When it begins, in milliseconds since the epoch. Default: the first of January 2026, UTC. */
  readonly startMs?: number
  /** Uniform in [0, 1): the jitter of back-offs. Default: always 0.5, so that tests repeat. */
  readonly random?: () => number
}

export interface TestSystem extends AsyncDisposable {
  /** What your code under test is handed. */
  readonly client: Client
  /** Moving it by hand lets time pass without running anything. */
  readonly clock: VirtualClock
  /** What the system is built on, to look deeper. */
  readonly engine: Engine
  /**
   * Runs what is due, in the order in which a worker would be handed it, and what that submits in turn. Resolves when nothing is due and
   * no handler runs; time does not move. Handlers run in this thread, one after the other where they are synchronous.
   */
  run(): Promise<void>
  /** Lets so many milliseconds pass, running what falls due on the way: delayed tasks, retries after their back-off, timeouts. */
  advance(ms: number): Promise<void>
  /** Ends everything. Repeatable. */
  close(): Promise<void>
}

/** Opens a system of your own definitions. Close it, or declare it with `await using`. */
export function openTestSystem(options: TestSystemOptions): TestSystem {
  const { tasks, queues = [], use = [], startMs, random = () => 0.5 } = options
  const clock = new VirtualClock(startMs)
  const engine = openMemoryEngine({ clock, random })
  const client = createClient(engine, { clock, use })
  const runner = new InlineRunner({ engine, clock, tasks, queues, use })
  const close = async () => {
    await client.close({ timeoutMs: 0 })
    await engine.close()
  }
  return {
    client,
    clock,
    engine,
    run: () => runner.during(async () => {}),
    advance: (ms) => runner.during(() => clock.advance(ms)),
    close,
    [Symbol.asyncDispose]: close,
  }
}
