/** The benchmark as a whole with very small counts, so that it never rots. No figure is looked at: only that there are figures. */

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { CELL_NAMES } from '../../bench/cells.ts'
import type { Summary } from '../../bench/report.ts'
import { needCluster, needProgram } from '../support/real-parts.ts'
import { temporaryFolder } from '../support/temporary.ts'

const root = join(import.meta.dirname, '../..')
/** The figure that no cell can do without. */
const MAIN_METRIC = { low: 'pickUpP50Ms', paced: 'pickUpP50Ms', backlog: 'endRate' } as const
/** What each of our engines and BullMQ can do. */
const EVERYWHERE = CELL_NAMES.filter((cell) => cell !== 'aged' && cell !== 'held' && cell !== 'dial')
const deadline = { timeout: 240_000 }

async function bench(args: readonly string[]): Promise<readonly Summary[]> {
  const child = spawn(process.execPath, [join(root, 'scripts/bench.mjs'), '--smoke', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    errors += chunk
  })
  const code = await new Promise((resolve) => child.once('close', resolve))
  assert.equal(code, 0, errors)
  return (JSON.parse(output) as { summaries: Summary[] }).summaries
}

function assertComplete(
  summaries: readonly Summary[],
  systems: readonly string[],
  cells: readonly string[],
): void {
  const measured = summaries.map(({ cell, system }) => `${cell} ${system}`)
  const wanted = cells.flatMap((cell) => systems.map((system) => `${cell} ${system}`))
  assert.deepEqual(measured.sort(), wanted.sort())
  for (const { cell, system, metrics } of summaries) {
    const name = (MAIN_METRIC as Readonly<Record<string, string>>)[cell] ?? 'rate'
    assert.ok(metrics[name]!.median > 0, `${name} of ${cell} on ${system}`)
  }
}

test('every cell measures our system and leaves nothing behind', deadline, async (context) => {
  const dir = temporaryFolder(context, 'bench')
  assertComplete(await bench(['--dir', dir]), ['Chasqui'], [...EVERYWHERE, 'aged', 'dial'])
  assert.deepEqual(readdirSync(dir), [])
})

test('many schedules are put, opened and idled over', deadline, async (context) => {
  const dir = temporaryFolder(context, 'bench')
  const args = ['--schedules', '300', '--window', '0.2', '--json', '--dir', dir]
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bench/cron.ts'), ...args])
  const facts = JSON.parse(stdout) as Record<string, number>
  assert.deepEqual(Object.keys(facts), [
    'schedules',
    'put/s',
    'open ms',
    'ticks in the window',
    'cpu %',
    'rss MiB',
  ])
  assert.ok(facts['put/s']! > 0)
  assert.deepEqual(readdirSync(dir), [])
})

test('what being watched costs is measured beside the same unwatched', deadline, async (context) => {
  const dir = temporaryFolder(context, 'bench')
  const summaries = await bench(['--watched', '--only', 'end', '--dir', dir])
  assertComplete(summaries, ['Chasqui unmeasured', 'Chasqui scraped', 'Chasqui watched'], ['end'])
})

const redis = needProgram('redis-server')
test('every cell measures the peers, on servers of their own', { ...deadline, ...redis }, async (context) => {
  const dir = temporaryFolder(context, 'bench')
  const args = ['--peers', '--only', EVERYWHERE.join(), '--dir', dir]
  assertComplete(await bench(args), ['Chasqui', 'BullMQ everysec', 'BullMQ always'], EVERYWHERE)
  assert.deepEqual(readdirSync(dir), [])
})

test('what the locks cost is measured beside the plain system', deadline, async (context) => {
  const dir = temporaryFolder(context, 'bench')
  const summaries = await bench(['--tls', '--only', 'end,dial', '--dir', dir])
  assertComplete(summaries, ['Chasqui', 'Chasqui TLS'], ['end', 'dial'])
  const dialed = summaries.find(({ cell, system }) => cell === 'dial' && system === 'Chasqui TLS')!
  assert.ok(dialed.metrics.resumedRate!.median > 0)
})

const cluster = needCluster()
test('the cells measure the cluster engine, on servers of their own', {
  ...deadline,
  ...cluster,
}, async (context) => {
  const dir = temporaryFolder(context, 'bench')
  const cells = ['one', 'drain', 'end', 'paced', 'aged', 'held']
  const args = ['--engine', 'cluster', '--only', cells.join(), '--dir', dir]
  assertComplete(await bench(args), ['Chasqui cluster'], cells)
})

test('options that make no sense are one sentence and exit code 1', deadline, async () => {
  const child = spawn(process.execPath, [join(root, 'scripts/bench.mjs'), '--only', 'nothing'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    errors += chunk
  })
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 1)
  assert.match(errors, /^bench: --only: "nothing" is none of one, many, .*\n$/m)
})
