/** The producer process: makes load with a client library as its users would, and says how that went. */

import { percentile } from '../statistics.ts'
import { answer } from './answer.ts'
import { type DialReport, dial, type Locks } from './dial.ts'
import { nowUs, payload, type TaskClient } from './task-client.ts'

export interface LoadReport {
  readonly count: number
  readonly tookMs: number
  readonly startedUs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface PacedReport {
  readonly count: number
  readonly pickUpP50Ms: number
  readonly pickUpP99Ms: number
  readonly roundTripP50Ms: number
  readonly roundTripP99Ms: number
}

const [library, address, locksText = '{}'] = process.argv.slice(2) as [string, string, string?]
const locks = JSON.parse(locksText) as Locks
const { openClient } = (await import(`./${library}-client.ts`)) as {
  openClient(address: string, locks: Locks): Promise<TaskClient>
}
const client = await openClient(address, locks)

answer({ load, bulk, paced, dial: dialing }, async () => {
  await client.close()
})

function dialing(resume: boolean, forMs: number): Promise<DialReport> {
  return dial(address, locks, resume, forMs)
}

/** `inFlight` callers, each submitting its next task when the last one is confirmed, for a time. */
async function load(inFlight: number, forMs: number): Promise<LoadReport> {
  const tookMs: number[] = []
  let made = 0
  const startedUs = nowUs()
  const untilMs = performance.now() + forMs
  async function caller(): Promise<void> {
    for (;;) {
      const sentMs = performance.now()
      if (sentMs >= untilMs) return
      await client.submit(payload(made++))
      tookMs.push(performance.now() - sentMs)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  const times = Float64Array.from(tookMs)
  return {
    count: times.length,
    tookMs: (nowUs() - startedUs) / 1_000,
    startedUs,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
  }
}

/** `count` tasks in calls of `chunk`, `calls` of them under way at a time; due at once, or all at the same time. */
async function bulk(count: number, chunk: number, calls: number, runAtMs?: number): Promise<LoadReport> {
  let made = 0
  const startedUs = nowUs()
  async function caller(): Promise<void> {
    while (made < count) {
      const batch = Array.from({ length: Math.min(chunk, count - made) }, () => payload(made++))
      await client.submitMany(batch, runAtMs)
    }
  }
  await Promise.all(Array.from({ length: calls }, caller))
  return { count, tookMs: (nowUs() - startedUs) / 1_000, startedUs, p50Ms: Number.NaN, p99Ms: Number.NaN }
}

/** So many tasks a second, whatever becomes of those before: an open loop, so that a slow answer holds nothing back. */
async function paced(perSecond: number, count: number): Promise<PacedReport> {
  const pickUpMs: number[] = []
  const roundTripMs: number[] = []
  const open: Promise<void>[] = []
  const startedMs = performance.now()
  async function one(number: number): Promise<void> {
    const sentUs = nowUs()
    const handlerUs = await client.roundTrip(payload(number))
    roundTripMs.push((nowUs() - sentUs) / 1_000)
    pickUpMs.push((handlerUs - sentUs) / 1_000)
  }
  while (open.length < count) {
    const due = Math.min(count, 1 + Math.floor(((performance.now() - startedMs) * perSecond) / 1_000))
    while (open.length < due) open.push(one(open.length))
    const nextMs = startedMs + (open.length * 1_000) / perSecond - performance.now()
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, nextMs)))
  }
  await Promise.all(open)
  const [pickUps, roundTrips] = [Float64Array.from(pickUpMs), Float64Array.from(roundTripMs)]
  return {
    count,
    pickUpP50Ms: percentile(pickUps, 0.5),
    pickUpP99Ms: percentile(pickUps, 0.99),
    roundTripP50Ms: percentile(roundTrips, 0.5),
    roundTripP99Ms: percentile(roundTrips, 0.99),
  }
}
