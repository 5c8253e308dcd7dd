/**
 * `npm run bench`: our system, and with `--peers` BullMQ, measured side by side in one run. Rounds are interleaved: every system does a
 * cell before the next cell begins, in an order that changes with the round, so that a slow minute of the machine hits all of them.
 *
 * Every measurement is made in a folder of its own that is removed afterwards; whatever it started is ended by pid.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { CELLS, type CellName } from './cells.ts'
import { endAll } from './children.ts'
import { type BenchOptions, readOptions, USAGE } from './options.ts'
import { figure, type Sample, summarize, tables } from './report.ts'
import { amqplib } from './systems/amqplib.ts'
import { bullmq } from './systems/bullmq.ts'
import { celery } from './systems/celery.ts'
import { chasqui, chasquiCluster, watchedClusters, watchedSystems } from './systems/chasqui.ts'
import { chasquiTls } from './systems/chasqui-tls.ts'
import { closeServers } from './systems/cluster-servers.ts'
import { pgBoss } from './systems/pg-boss.ts'
import type { System } from './systems/system.ts'

/** More than this before we begin, and figures say more about the neighbours than about us. */
const LOAD_MAX = 1

/** These tell nobody of results, and their stores are not ours to crash. */
const SILENT: readonly System[] = [pgBoss, celery, amqplib]
const PLAIN: readonly CellName[] = ['one', 'many', 'bulk', 'drain', 'end']

process.once('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

try {
  const options = readOptions(process.argv.slice(2))
  if (options === null) process.stdout.write(USAGE)
  else await main(options)
  process.exit(0)
} catch (error) {
  await closeServers()
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

async function main(options: BenchOptions): Promise<void> {
  const systems = systemsOf(options)
  const [load] = loadavg()
  if (load! > LOAD_MAX)
    say(`the load of this machine is ${load!.toFixed(1)} already: take no figure from this run`)
  const samples: Sample[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const cell of options.cells) {
      for (const system of rotated(systems, round)) {
        if (!canDo(system, cell)) continue
        const metrics = await measure(cell, system, round, options)
        samples.push({ cell, system: system.name, round, metrics })
        const shown = Object.entries(metrics).filter(
          ([name]) => !name.startsWith('cpu.') || name === 'cpu.others',
        )
        const text = shown.map(([name, value]) => `${name} ${figure(name, value)}`).join('  ')
        say(`${round + 1}/${options.rounds} ${cell.padEnd(8)} ${system.name.padEnd(16)} ${text}`)
      }
    }
  }
  const summaries = summarize(samples)
  const machine = {
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMib: Math.round(totalmem() / 2 ** 20),
    loadBefore: load!,
  }
  await closeServers()
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ machine, options, summaries, samples }, null, 2)}\n`
      : `\n${Object.entries(machine)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ')}\n\n${tables(summaries)}`,
  )
}

function systemsOf({ engine, peers, tls, watched }: BenchOptions): readonly System[] {
  if (watched) return engine === 'embedded' ? watchedSystems : watchedClusters
  const locked = tls ? [chasquiTls] : []
  if (engine === 'embedded')
    return [chasqui, ...locked, ...(peers ? [bullmq('everysec'), bullmq('always')] : [])]
  return [chasquiCluster, ...(peers ? [bullmq('everysec'), pgBoss, celery, amqplib] : [])]
}

function canDo(system: System, cell: CellName): boolean {
  if (cell === 'held') return system === chasquiCluster
  if (cell === 'dial') return system === chasqui || system === chasquiTls
  if (cell === 'aged') return system === chasqui || system === chasquiCluster
  return !SILENT.includes(system) || PLAIN.includes(cell)
}

async function measure(cell: CellName, system: System, round: number, options: BenchOptions) {
  const folder = mkdtempSync(join(options.dir, 'chasqui-bench-'))
  const { profileDir, workers } = options
  const execArgv = (role: string) =>
    profileDir === null || role === 'peer'
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${join(profileDir, `${cell}-${round}`, role)}`]
  try {
    const running = await system.start({ folder, workers, execArgv })
    try {
      return await CELLS[cell].measure(running, system, options)
    } finally {
      await running.stop()
    }
  } catch (error) {
    throw new Error(`${cell} on ${system.name}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    endAll()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

function rotated<Item>(items: readonly Item[], by: number): readonly Item[] {
  const at = by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`)
}
