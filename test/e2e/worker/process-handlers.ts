/** Handlers that run in processes of their own, well behaved and otherwise. They write what they do to a journal, as those in handlers.ts. */

import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { defineTask } from '../../../src/task/definition.ts'

interface Journal {
  readonly file: string
}

const write = (file: string, what: string) => appendFileSync(file, `${what}\n`)

export const where = defineTask({
  type: 'where',
  isolation: 'process',
  run: (data: unknown, { log, progress, id, attempt, metadata }) => {
    log.info('a line')
    progress(1, 2, 'a note')
    return { pid: process.pid, isMainThread, title: process.title, data, id, attempt, metadata }
  },
})

export const inThread = defineTask({ type: 'in-thread', run: () => ({ pid: process.pid }) })

export const fail = defineTask({
  type: 'fail',
  isolation: 'process',
  maxAttempts: 1,
  run: () => {
    throw new RangeError('too far')
  },
})

/** Ends its process in the way that it is told. */
export const die = defineTask({
  type: 'die',
  isolation: 'process',
  run: async ({ how }: { how: string }) => {
    process.stderr.write(`about to ${how}\n`)
    // So that the pipe has taken it.
    await sleep(50)
    if (how === 'exit') process.exit(3)
    if (how === 'throw') setTimeout(() => Promise.reject(new TypeError('astray')), 1)
    else process.kill(process.pid, how as NodeJS.Signals)
    await new Promise(() => {})
  },
})

/** Starts a program of its own and blocks for ever, deaf to its signal. */
export const familySpin = defineTask({
  type: 'family-spin',
  isolation: 'process',
  run: async ({ file }: Journal) => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await new Promise((resolve) => child.once('spawn', resolve))
    write(file, String(process.pid))
    write(file, String(child.pid))
    for (;;);
  },
})

export const obeyApart = defineTask({
  type: 'obey-apart',
  isolation: 'process',
  run: async ({ file }: Journal, { signal }) => {
    write(file, String(process.pid))
    try {
      await sleep(60_000, undefined, { signal })
    } catch {
      write(file, `stopped by ${(signal.reason as Error).name}`)
    }
  },
})

export const gateApart = defineTask({
  type: 'gate-apart',
  isolation: 'process',
  run: async ({ file }: Journal) => {
    write(file, String(process.pid))
    while (!existsSync(`${file}.go`)) await sleep(5)
    return 'passed'
  },
})

/** Eats memory in and outside of the heap. */
export const devourApart = defineTask({
  type: 'devour-apart',
  isolation: 'process',
  run: async ({ what }: { what: 'heap' | 'buffers' }) => {
    const memory: unknown[] = []
    for (;;) {
      if (what === 'buffers') memory.push(Buffer.alloc(1024 * 1024, 1))
      else for (let n = 0; n < 20_000; n++) memory.push({ n })
      await sleep(1)
    }
  },
})

export const secrets = defineTask({
  type: 'secrets',
  isolation: 'process',
  run: ({ name }: { name: string }) => ({
    variable: process.env[name] ?? null,
    inherited: readFileSync('/proc/self/environ', 'utf8').includes(name),
    arguments: readFileSync('/proc/self/cmdline', 'utf8'),
  }),
})

/** Ends well, and leaves behind what takes the process down a little later. */
export const leaveBomb = defineTask({
  type: 'leave-bomb',
  isolation: 'process',
  run: async ({ file }: Journal) => {
    setInterval(() => {
      if (existsSync(`${file}.go`)) throw new Error('left behind')
    }, 5)
    return process.pid
  },
})
