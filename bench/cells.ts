/**
 * What is measured, cell by cell. Every measurement has servers, processes and a store of its own, is warmed up with its own kind of
 * load first, and is bounded in time or in tasks.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from './children.ts'
import type { BenchOptions } from './options.ts'
import { memoryMib, watchCpu } from './process-facts.ts'
import type { DialReport } from './processes/dial.ts'
import type { LoadReport, PacedReport } from './processes/producer.ts'
import type { Running, System } from './systems/system.ts'

export type Metrics = Readonly<Record<string, number>>

export const CELL_NAMES = [
  'one',
  'many',
  'bulk',
  'drain',
  'end',
  'low',
  'paced',
  'backlog',
  'aged',
  'held',
  'dial',
] as const
export type CellName = (typeof CELL_NAMES)[number]

export interface Cell {
  readonly title: string
  measure(running: Running, system: System, options: BenchOptions): Promise<Metrics>
}

const MANY = 256
const LOW_PER_SECOND = 50
const PACED_PER_SECOND = 1_000
const POLL_MS = 5
/** A drain is measured from here on, when the worker has loaded and compiled what it needs. */
const DRAIN_WARM_UP_SHARE = 0.25
const AGING_STEP_MS = 30_000
const PATIENCE_MS = 120_000

export const CELLS: Readonly<Record<CellName, Cell>> = {
  one: {
    title: 'one in flight: confirmed/s',
    measure: (running, _, options) => confirm(running, options, 1),
  },
  many: {
    title: `${MANY} in flight: confirmed/s`,
    measure: (running, _, options) => confirm(running, options, MANY),
  },
  bulk: { title: 'bulk: confirmed/s', measure: bulk },
  drain: { title: 'drain of queued tasks: recorded/s', measure: drain },
  end: { title: `end to end, ${MANY} in flight: tasks/s`, measure: endToEnd },
  low: {
    title: `latency at ${LOW_PER_SECOND}/s`,
    measure: (running, _, options) => paced(running, options, LOW_PER_SECOND),
  },
  paced: {
    title: `latency at ${PACED_PER_SECOND}/s`,
    measure: (running, _, options) => paced(running, options, PACED_PER_SECOND),
  },
  backlog: { title: 'with a backlog', measure: backlog },
  aged: { title: 'fresh, and after a time of full load', measure: (...all) => aging(...all, false) },
  held: { title: 'beside a transaction that is left open', measure: (...all) => aging(...all, true) },
  dial: { title: 'new connections, one after the other: connections/s', measure: dialing },
}

/** New connections, one after the other; with TLS also those that take up an older session. */
async function dialing(running: Running, _: System, options: BenchOptions): Promise<Metrics> {
  const producer = await running.startProducer()
  await producer.ask('dial', true, options.warmUpMs)
  const full = await producer.ask<DialReport>('dial', false, options.windowMs)
  const again = await producer.ask<DialReport>('dial', true, options.windowMs)
  const resumed =
    again.resumed === 0
      ? {}
      : { resumedRate: perSecond(again.resumed, again.tookMs), resumedP50Ms: again.p50Ms }
  return { rate: perSecond(full.count, full.tookMs), p50Ms: full.p50Ms, ...resumed }
}

async function confirm(running: Running, options: BenchOptions, inFlight: number): Promise<Metrics> {
  const producer = await running.startProducer()
  await producer.ask('load', inFlight, options.warmUpMs)
  const cpu = watchCpu(running.pids())
  const report = await producer.ask<LoadReport>('load', inFlight, options.windowMs)
  return { rate: perSecond(report.count, report.tookMs), p50Ms: report.p50Ms, p99Ms: report.p99Ms, ...cpu() }
}

async function bulk(running: Running, system: System, options: BenchOptions): Promise<Metrics> {
  const producer = await running.startProducer()
  const count = Math.ceil(system.bulkTasks * options.scale)
  await fill(producer, system, Math.ceil(count / 4))
  const cpu = watchCpu(running.pids())
  const report = await fill(producer, system, count)
  return { rate: perSecond(report.count, report.tookMs), ...cpu() }
}

function fill(producer: Child, system: System, count: number): Promise<LoadReport> {
  return producer.ask<LoadReport>('bulk', count, system.bulkChunk, system.bulkCalls)
}

async function drain(running: Running, system: System, options: BenchOptions): Promise<Metrics> {
  const producer = await running.startProducer()
  const count = Math.ceil(system.drainTasks * options.scale)
  await fill(producer, system, count)
  const start = { settled: 0, atMs: performance.now() }
  await running.startWorkers()
  const warm = await reach(running, count * DRAIN_WARM_UP_SHARE)
  // As few as a smoke run has may be done before the first look.
  const from = warm.settled < count ? warm : start
  const cpu = watchCpu(running.pids())
  const to = await reach(running, count)
  return { rate: perSecond(to.settled - from.settled, to.atMs - from.atMs), ...cpu() }
}

async function endToEnd(running: Running, _: System, options: BenchOptions): Promise<Metrics> {
  const producer = await running.startProducer()
  await running.startWorkers()
  await submitAndSettle(running, producer, options.warmUpMs)
  return submitAndSettle(running, producer, options.windowMs)
}

/** N tasks in, at full speed for a time, and N tasks out: the time until both are done. */
async function submitAndSettle(running: Running, producer: Child, forMs: number): Promise<Metrics> {
  const before = await running.settled()
  const cpu = watchCpu(running.pids())
  const startedMs = performance.now()
  const report = await producer.ask<LoadReport>('load', MANY, forMs)
  const settledMeanwhile = (await running.settled()) - before
  await reach(running, before + report.count)
  const tookMs = performance.now() - startedMs
  return {
    rate: perSecond(report.count, tookMs),
    submitRate: perSecond(report.count, report.tookMs),
    settleRate: perSecond(settledMeanwhile, report.tookMs),
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
    ...cpu(),
  }
}

async function paced(running: Running, options: BenchOptions, rate: number): Promise<Metrics> {
  const producer = await running.startProducer()
  await running.startWorkers()
  await producer.ask('paced', rate, Math.ceil((rate * options.warmUpMs) / 1_000))
  const cpu = watchCpu(running.pids())
  const report = await producer.ask<PacedReport>('paced', rate, Math.ceil((rate * options.windowMs) / 1_000))
  const { count: _, ...latencies } = report
  return { ...latencies, ...cpu() }
}

/** The rates of the other cells while `options.backlog` tasks are queued, the memory of it, and the way back after a crash. */
async function backlog(running: Running, system: System, options: BenchOptions): Promise<Metrics> {
  const emptyMib = memoryMib(running.pids().server!)
  const producer = await running.startProducer()
  const filled = await fill(producer, system, options.backlog)
  const fullMib = memoryMib(running.pids().server!)
  const submitted = await producer.ask<LoadReport>('load', MANY, options.windowMs)
  await running.startWorkers()
  await submitAndSettle(running, producer, options.warmUpMs)
  const { rate, ...through } = await submitAndSettle(running, producer, options.windowMs)
  const from = { settled: await running.settled(), atMs: performance.now() }
  await sleep(options.windowMs)
  const to = { settled: await running.settled(), atMs: performance.now() }
  const usedMib = memoryMib(running.pids().server!)
  await running.stopWorkers()
  // Killed in the middle of writing; the answers that never come are the point.
  const cut = producer.ask('load', MANY, options.windowMs).catch(() => undefined)
  await sleep(options.windowMs / 2)
  await running.crash()
  const crashedMs = performance.now()
  await running.restart()
  const reopenMs = performance.now() - crashedMs
  const reopenedMib = memoryMib(running.pids().server!)
  await cut
  return {
    fillRate: perSecond(filled.count, filled.tookMs),
    submitRate: perSecond(submitted.count, submitted.tookMs),
    endRate: rate!,
    endP99Ms: through.p99Ms!,
    drainRate: perSecond(to.settled - from.settled, to.atMs - from.atMs),
    emptyMib,
    fullMib,
    usedMib,
    reopenMs,
    reopenedMib,
  }
}

/** The rates of a fresh store, and again after `options.ageMs` of full load; `isHeld`: with somebody's transaction open in its database since then. */
async function aging(
  running: Running,
  system: System,
  options: BenchOptions,
  isHeld: boolean,
): Promise<Metrics> {
  const producer = await running.startProducer()
  await running.startWorkers()
  await submitAndSettle(running, producer, options.warmUpMs)
  const fresh = await submitAndSettle(running, producer, options.windowMs)
  const freshMover = await moverRate(running, producer, system, options)
  const release = isHeld ? await running.holdTransaction!() : null
  let through = 0
  for (const untilMs = performance.now() + options.ageMs; performance.now() < untilMs; ) {
    const leftMs = Math.max(1, untilMs - performance.now())
    const before = await running.settled()
    await submitAndSettle(running, producer, Math.min(AGING_STEP_MS, leftMs))
    through += (await running.settled()) - before
  }
  const old = await submitAndSettle(running, producer, options.windowMs)
  const oldMover = await moverRate(running, producer, system, options)
  await release?.()
  return {
    rate: fresh.rate!,
    laterRate: old.rate!,
    moverRate: freshMover,
    laterMoverRate: oldMover,
    throughCount: through,
  }
}

/** Tasks that all fall due at once: from that moment until all are done. */
async function moverRate(
  running: Running,
  producer: Child,
  system: System,
  options: BenchOptions,
): Promise<number> {
  const count = Math.ceil((system.drainTasks / 4) * options.scale)
  const before = await running.settled()
  const runAtMs = Date.now() + options.fillMs
  await producer.ask('bulk', count, system.bulkChunk, system.bulkCalls, runAtMs)
  if (Date.now() > runAtMs) throw new Error('the tasks fell due before they were all submitted')
  await sleep(runAtMs - Date.now())
  const dueMs = performance.now()
  const { atMs } = await reach(running, before + count)
  return perSecond(count, atMs - dueMs)
}

async function reach(running: Running, count: number): Promise<{ settled: number; atMs: number }> {
  for (const untilMs = performance.now() + PATIENCE_MS; performance.now() < untilMs; await sleep(POLL_MS)) {
    const settled = await running.settled()
    if (settled >= count) return { settled, atMs: performance.now() }
  }
  throw new Error(`only ${await running.settled()} of ${count} tasks were recorded in ${PATIENCE_MS} ms`)
}

function perSecond(count: number, tookMs: number): number {
  return (1_000 * count) / tookMs
}
