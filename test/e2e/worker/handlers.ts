/**
 * Handlers that behave badly in every way a worker must bear. Most take `{file}`: the journal to which they write what they do, for a
 * thread can be asked nothing afterwards.
 */

import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineTask, PermanentError, RetryLater } from '../../../src/task/definition.ts'

interface Journal {
  readonly file: string
  readonly note?: string
}

const write = ({ file, note }: Journal, what: string) =>
  appendFileSync(file, `${note === undefined ? what : `${what} ${note}`}\n`)

export const add = defineTask({
  type: 'add',
  input: z.array(z.number()),
  run: (numbers) => numbers.reduce((a, b) => a + b, 0),
})

/** Writes its note, for counting runs; the note `exit` ends the thread. */
export const once = defineTask({
  type: 'once',
  run: async (data: Journal) => {
    write(data, 'ran')
    if (data.note === 'exit') process.exit(1)
    return data.note
  },
})

export const spin = defineTask({
  type: 'spin',
  timeoutMs: 60_000,
  run: (data: Journal) => {
    write(data, 'spins')
    for (;;);
  },
})

/** Blocks its thread and comes back. */
export const block = defineTask({
  type: 'block',
  run: (data: Journal & { ms: number }) => {
    write(data, 'blocks')
    const end = performance.now() + data.ms
    while (performance.now() < end);
    return 'unblocked'
  },
})

/** Awaits what never comes, deaf to its signal. */
export const hang = defineTask({
  type: 'hang',
  run: async (data: Journal) => {
    write(data, 'hangs')
    // Keeps the loop alive, as an open socket would.
    setInterval(() => {}, 1_000)
    await new Promise(() => {})
  },
})

/** Obeys its signal, and tells why it was stopped. */
export const obey = defineTask({
  type: 'obey',
  run: async (data: Journal, { signal }) => {
    write(data, 'waits')
    try {
      await sleep(60_000, undefined, { signal })
    } catch {
      const reason = signal.reason as Error
      write(data, `stopped by ${reason.name}: ${reason.message}`)
      throw reason
    }
  },
})

/** Waits for the file `${file}.go`, obeying its signal. */
export const gate = defineTask({
  type: 'gate',
  run: async (data: Journal, { signal }) => {
    const { existsSync } = await import('node:fs')
    write(data, 'waits')
    while (!existsSync(`${data.file}.go`)) await sleep(5, undefined, { signal })
    write(data, 'passed')
    return 'passed'
  },
})

export const exit = defineTask({
  type: 'exit',
  run: (data: Journal) => {
    write(data, 'exits')
    process.exit(3)
  },
})

/** The error comes from a callback that nobody waits for. */
export const stray = defineTask({
  type: 'stray',
  run: async (data: Journal) => {
    write(data, 'throws astray')
    setTimeout(() => {
      throw new TypeError('thrown from a callback')
    }, 5)
    await new Promise(() => {})
  },
})

/** Ends well, and leaves behind a callback that throws when `${file}.go` exists. */
export const bomb = defineTask({
  type: 'bomb',
  run: async (data: Journal) => {
    const { existsSync } = await import('node:fs')
    setInterval(() => {
      if (existsSync(`${data.file}.go`)) throw new Error('left behind')
    }, 5)
    return 'armed'
  },
})

/** Eats memory in bites of so many numbers of the heap, or bytes outside of it. */
export const devour = defineTask({
  type: 'devour',
  run: async (data: Journal & { numbers?: number; bytes?: number }) => {
    write(data, 'devours')
    const memory: unknown[] = []
    for (let bite = 1; ; bite++) {
      if (data.bytes !== undefined) memory.push(Buffer.alloc(data.bytes, 1))
      else memory.push(new Array(data.numbers).fill(Math.random()))
      if (bite % 100 === 0) await sleep(0)
    }
  },
})

/** Holds some memory and makes a lot of short-lived and not so short-lived garbage beside it. */
export const litter = defineTask({
  type: 'litter',
  run: async ({ liveMb, garbageMb }: { liveMb: number; garbageMb: number }) => {
    const megabyte = () => Array.from({ length: 64 }, () => new Array(2_048).fill(Math.random()))
    const live = Array.from({ length: liveMb }, megabyte)
    for (let made = 0; made < garbageMb; made++) {
      live[made % liveMb] = megabyte()
      if (made % 50 === 0) await sleep(0)
    }
    return live.length
  },
})

export const returnWhat = defineTask({
  type: 'return-what',
  run: ({ what }: { what: string }): unknown => {
    const circle: Record<string, unknown> = {}
    circle.self = circle
    const returned: Record<string, unknown> = {
      bigint: 1n,
      circle,
      function: () => 1,
      symbol: Symbol('s'),
      nothing: undefined,
      date: new Date(0),
      throwingGetter: {
        get no() {
          throw new Error('a getter')
        },
      },
      huge: 'x'.repeat(1_000_000),
    }
    return returned[what]
  },
})

export const throwWhat = defineTask({
  type: 'throw-what',
  maxAttempts: 5,
  run: async ({ what }: { what: string }) => {
    switch (what) {
      case 'error':
        throw new RangeError('too far', { cause: new Error('the cause of it') })
      case 'string':
        throw 'just a string'
      case 'undefined':
        throw undefined
      case 'object':
        throw { code: 7 }
      case 'long':
        throw new Error('m'.repeat(100_000))
      case 'hostile':
        throw Object.defineProperty({}, 'retryable', {
          get() {
            throw new Error('no')
          },
        })
      case 'permanent':
        throw new PermanentError('never again')
      case 'flag':
        throw Object.assign(new Error('flagged'), { retryable: false })
      default:
        throw new RetryLater(86_400_000)
    }
  },
})

export const shaped = defineTask({
  type: 'shaped',
  input: z.object({ name: z.string(), times: z.number().default(2) }),
  output: z.object({ text: z.string() }),
  run: ({ name, times }) => (name === 'bad' ? ({ text: 7 } as never) : { text: name.repeat(times) }),
})

export const context = defineTask({
  type: 'context',
  run: (_data, { id, type, queue, attempt, maxAttempts, metadata, traceparent, signal }) => ({
    id,
    type,
    queue,
    attempt,
    maxAttempts,
    metadata,
    traceparent,
    aborted: signal.aborted,
  }),
})

/** Says a lot while it blocks its thread. */
export const talk = defineTask({
  type: 'talk',
  run: ({ lines, steps }: { lines: number; steps: number }, { log, progress }) => {
    for (let line = 1; line <= lines; line++) log.info(`line ${line}`)
    for (let step = 1; step <= steps; step++) progress(step, steps, `step ${step}`)
    log.warn('done')
  },
})

/** Says something now and then while it blocks its thread, which it does for ever. */
export const talkAndSpin = defineTask({
  type: 'talk-and-spin',
  run: (_data, { progress, log }) => {
    const busy = () => {
      const end = performance.now() + 150
      while (performance.now() < end);
    }
    progress(1)
    busy()
    log.info('still here')
    busy()
    progress(2)
    for (;;);
  },
})

export const environment = defineTask({
  type: 'environment',
  run: ({ name }: { name: string }) => process.env[name] ?? null,
})

/** Alone in its thread: journals when it begins and ends. */
export const alone = defineTask({
  type: 'alone',
  isolation: 'exclusive',
  run: async (data: Journal & { ms: number }) => {
    write(data, 'alone begins')
    await sleep(data.ms)
    write(data, 'alone ends')
  },
})

export const together = defineTask({
  type: 'together',
  run: async (data: Journal & { ms: number }) => {
    write(data, 'together begins')
    await sleep(data.ms)
    write(data, 'together ends')
  },
})

export const blockAndTalk = defineTask({
  type: 'block-and-talk',
  run: async (data: Journal, { log }) => {
    const { existsSync } = await import('node:fs')
    log.info('before')
    write(data, 'waits')
    while (!existsSync(`${data.file}.go`)) await sleep(5)
    log.info('after')
  },
})

export const finishWhenStopped = defineTask({
  type: 'finish-when-stopped',
  run: async (data: Journal, { signal }) => {
    write(data, 'waits')
    await sleep(60_000, undefined, { signal }).catch(() => {})
    return 'just in time'
  },
})

export const floating = defineTask({
  type: 'floating',
  run: async (data: Journal) => {
    write(data, 'floats')
    void sleep(1).then(() => Promise.reject(new Error('floating')))
    await new Promise(() => {})
  },
})
