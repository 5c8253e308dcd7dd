/** `chasqui top` where nobody looks on: one picture, or JSON lines. */

import { setTimeout as delay } from 'node:timers/promises'
import { writeTime } from '../../wire/time-codec.ts'
import { queueValue } from '../queues.ts'
import { recordValue } from '../records.ts'
import type { Screen } from '../screen.ts'
import { consumerValue } from '../workers.ts'
import { FIRST_PICTURE, frame } from './frame.ts'
import type { Looker } from './looks.ts'
import { type History, NO_HISTORY, type Rates, ratesOf, settledRateOf, withLook } from './rates.ts'

export interface Top {
  readonly looker: Looker
  readonly address: string
  readonly intervalMs: number
}

/** Where there is no terminal to ask. */
const COLUMNS = 120
/** More than the head, the foot, and names and titles of three lists. */
const ROWS_BESIDES_LISTS = 16

/** Rates take two looks. */
async function lookTwice({ looker, intervalMs }: Top): Promise<History> {
  const first = withLook(NO_HISTORY, await looker.look())
  await delay(intervalMs)
  return withLook(first, await looker.look())
}

export async function showOnce(top: Top, screen: Screen): Promise<'done'> {
  const history = await lookTwice(top)
  const { report, failures, atMs } = history.looks.at(-1)!
  const rows = ROWS_BESIDES_LISTS + report.queues.length + report.consumers.length + failures.length
  const picture = { ...FIRST_PICTURE, address: top.address, history, nowMs: atMs }
  const lines = frame(picture, { columns: process.stdout.columns ?? COLUMNS, rows }, screen.colors)
  // Without the line about keys, and what is empty before it.
  const last = lines.slice(0, -1).findLastIndex((line) => line.trim() !== '')
  for (const line of lines.slice(0, last + 1)) screen.line(line.trimEnd())
  return 'done'
}

export async function showValues(top: Top, isOnce: boolean, screen: Screen): Promise<'done'> {
  let history = await lookTwice(top)
  for (;;) {
    screen.value(jsonOf(history))
    if (isOnce) return 'done'
    await screen.ready()
    await delay(top.intervalMs)
    history = withLook(history, await top.looker.look())
  }
}

function jsonOf(history: History): unknown {
  const { atMs, report, running, failures } = history.looks.at(-1)!
  const perSecond = ({ submitted, succeeded, failed }: Rates) => ({ submitted, succeeded, failed })
  return {
    at: writeTime(atMs),
    engine: report.kind,
    perSecond: perSecond(ratesOf(history)),
    queues: report.queues.map((queue) => ({
      ...(queueValue(queue) as object),
      perSecond: perSecond(ratesOf(history, queue.queue)),
    })),
    workers: report.consumers.map((consumer) => ({
      ...(consumerValue(consumer) as object),
      settledPerSecond: settledRateOf(history, consumer.id),
      running: running.filter(({ worker }) => worker?.id === consumer.worker.id).map(recordValue),
    })),
    failures: failures.map(recordValue),
  }
}
