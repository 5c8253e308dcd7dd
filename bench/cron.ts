/**
 * `node bench/cron.ts [--schedules N] [--window SECONDS] [--dir DIR] [--json]`: what many schedules cost a process that has nothing else to do. Each is daily, at a minute
 * of its own in one of several zones, so with 100,000 of them about one tick a second falls due.
 */

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import type { Schedule } from '../src/engine/cron.ts'
import { openEmbeddedEngine } from '../src/engine/embedded/embedded-engine.ts'
import { memoryMib } from './process-facts.ts'

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe']
const BATCH = 1_000

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '100000' },
    window: { type: 'string', default: '30' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
    // Of the second process: a store that is filled.
    idle: { type: 'string' },
  },
})
const schedules = Number(values.schedules)
const windowMs = Number(values.window) * 1_000
type Facts = Readonly<Record<string, number>>

if (values.idle !== undefined) process.stdout.write(JSON.stringify(await idle(values.idle)))
else {
  const dir = await mkdtemp(join(values.dir, 'chasqui-bench-cron-'))
  try {
    // In a process of its own: what filling leaves in the heap is not what idling takes.
    const facts = { ...(await fill(dir)), ...(await idleElsewhere(dir)) }
    if (values.json) process.stdout.write(`${JSON.stringify(facts)}\n`)
    else for (const [name, value] of Object.entries(facts)) process.stdout.write(`${name}  ${value}\n`)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function idleElsewhere(dir: string): Promise<Facts> {
  const args = [import.meta.filename, '--idle', dir, '--window', values.window]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout) as Facts
}

async function fill(dir: string): Promise<Facts> {
  const engine = await openEmbeddedEngine({ dir })
  const putFromMs = performance.now()
  for (let from = 0; from < schedules; from += BATCH) {
    const count = Math.min(BATCH, schedules - from)
    await engine.cron.put(Array.from({ length: count }, (_, index) => scheduleOf(from + index)))
  }
  const putMs = performance.now() - putFromMs
  await engine.close()
  return { schedules, 'put/s': Math.round((schedules / putMs) * 1_000) }
}

async function idle(dir: string): Promise<Facts> {
  const openFromMs = performance.now()
  const again = await openEmbeddedEngine({ dir })
  const openMs = performance.now() - openFromMs
  // What opening and compiling leave behind is not what idling costs.
  await sleep(Math.min(2_000, windowMs))
  const fired = async () => (await again.list({ limit: 1_000 })).tasks.length
  const [before, cpu, fromMs] = [await fired(), process.cpuUsage(), performance.now()]
  await sleep(windowMs)
  const used = process.cpuUsage(cpu)
  const tookMs = performance.now() - fromMs
  const ticks = (await fired()) - before
  const rssMib = memoryMib(process.pid)
  await again.close()
  return {
    'open ms': Math.round(openMs),
    'ticks in the window': ticks,
    'cpu %': Math.round(((used.user + used.system) / 10 / tookMs) * 100) / 100,
    'rss MiB': Math.round(rssMib),
  }
}

/** Spread evenly over the seconds of a day. */
function scheduleOf(no: number): Schedule {
  const second = Math.floor((no * 86_400) / schedules)
  const expression = `${second % 60} ${Math.floor(second / 60) % 60} ${Math.floor(second / 3_600)} * * *`
  return {
    name: `schedule-${no}`,
    timing: { expression, timezone: ZONES[no % ZONES.length]! },
    task: { type: 'x', queue: 'default', priority: 4, dataText: '{"a":1}', ttlMs: null, options: null },
    overlap: 'skip',
    catchUp: 'last',
    owner: null,
  }
}
