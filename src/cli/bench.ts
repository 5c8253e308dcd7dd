/** `chasqui bench`: how fast is this system, as it stands? (`npm run bench` is another thing: it compares Chasqui with its peers, on private instances.) */

import type { Command } from 'commander'
import { roughDuration } from '../app/quantities.ts'
import type { Client } from '../client/client.ts'
import {
  BENCH_COUNT,
  BENCH_COUNT_MAX,
  BENCH_DEADLINE_MS,
  BENCH_IN_FLIGHT,
  BENCH_IN_FLIGHT_MAX,
  FRAME_BYTES_MAX,
  QUEUE_DEFAULT,
  SUBMIT_CLIENTS_MAX,
} from '../task/limits.ts'
import { action } from './action.ts'
import { type BenchPlan, type Measured, measure, type Summary, summaryOf } from './bench/measure.ts'
import { addCommand, addJson, durationOption, integerOption } from './common-options.ts'
import { CLIENT_SETTINGS, openClient } from './connection.ts'
import { CommandError, type ExitName } from './exit-codes.ts'
import { readJson } from './input.ts'
import { openProgress } from './progress.ts'
import { type Screen, shortText } from './screen.ts'
import { addSettings, readSettings } from './setting-options.ts'

export function addBench(program: Command): void {
  const command = addCommand(program, {
    usage: 'bench [type] [data]',
    description:
      'Measures a running system: submits tasks, keeps so many of them under way, and says how many a second were confirmed and ended, and how long each took. Its tasks are real ones: take a type that does no harm (default: eco, a sample, with null).',
    examples: [
      ['chasqui bench', 'ten thousand tasks of the sample type eco'],
      [
        'chasqui bench eco @payload.json --count 100000 --clients 4',
        'with data of your own, over four connections',
      ],
      ['chasqui bench eco --in-flight 1', 'how long one task takes by itself'],
      ['chasqui bench eco --submit-only --json', 'confirmations alone; the tasks stay queued'],
    ],
  })
  addJson(command)
    .option('--count <n>', `tasks (default: ${BENCH_COUNT})`, integerOption(1, BENCH_COUNT_MAX))
    .option(
      '--in-flight <n>',
      `under way at once (default: ${BENCH_IN_FLIGHT})`,
      integerOption(1, BENCH_IN_FLIGHT_MAX),
    )
    .option('--clients <n>', 'over so many connections', integerOption(1, SUBMIT_CLIENTS_MAX))
    .option('--queue <name>', 'in this queue')
    .option('--submit-only', 'wait for confirmations only')
    .option('--deadline <duration>', 'give up after this (default: 5m)', durationOption)
  addSettings(command, CLIENT_SETTINGS).action(
    action(async ({ screen, options }, type: string | undefined, data: string | undefined) => {
      const { settings } = await readSettings(options, CLIENT_SETTINGS)
      const count = (options.count as number | undefined) ?? BENCH_COUNT
      const waits = options.submitOnly !== true
      const progress = openProgress(count, waits ? 'done' : 'confirmed')
      const plan: BenchPlan = {
        type: type ?? 'eco',
        data: data === undefined ? null : await readJson(data, FRAME_BYTES_MAX),
        queue: options.queue as string | undefined,
        count,
        inFlight: (options.inFlight as number | undefined) ?? BENCH_IN_FLIGHT,
        waits,
        deadlineMs: (options.deadline as number | undefined) ?? BENCH_DEADLINE_MS,
        onDone: progress.show,
      }
      const clients: Client[] = []
      try {
        for (let at = 0; at < ((options.clients as number | undefined) ?? 1); at++) {
          clients.push(await openClient(settings))
        }
        if (waits) await mustBeTaken(clients[0]!, plan)
        const measured = await measure(clients, plan)
        progress.close()
        return show(measured, plan, clients.length, screen)
      } finally {
        progress.close()
        await Promise.all(clients.map((client) => client.close()))
      }
    }),
  )
}

/** Waiting for the deadline to hear that nobody is there would be a waste of time. */
async function mustBeTaken(client: Client, { type, queue = QUEUE_DEFAULT }: BenchPlan): Promise<void> {
  const { consumers } = await client.stats()
  const isTaken = consumers.some(
    ({ queues, types }) => queues.includes(queue) && (types === null || types.includes(type)),
  )
  if (isTaken) return
  const why = `no worker takes "${shortText(type, 64)}" from queue "${shortText(queue, 64)}"`
  throw new CommandError('failed', `${why}: start one, or measure confirmations alone with --submit-only.`)
}

function show(
  measured: Measured,
  { count, waits }: BenchPlan,
  connections: number,
  screen: Screen,
): ExitName {
  const { confirmed, confirmMs, confirmations, succeeded, totalMs, roundTrips, failed, firstError } = measured
  const confirm = summaryOf(confirmations, confirmMs)
  const roundTrip = summaryOf(roundTrips, totalMs)
  if (screen.json) {
    screen.value({ count, connections, confirmed, succeeded, failed, confirm, roundTrip, firstError })
  } else {
    screen.line(lineOf('confirmed', confirmed, confirmMs, confirm))
    if (waits) screen.line(lineOf('succeeded', succeeded, totalMs, roundTrip))
    if (failed > 0) screen.note(`${failed} failed; the first: ${shortText(firstError ?? '', 300)}`)
  }
  if (failed > 0) return 'notSucceeded'
  return (waits ? succeeded : confirmed) === count ? 'done' : 'deadline'
}

function lineOf(what: string, count: number, tookMs: number, summary: Summary | null): string {
  const counted = `${count.toLocaleString('en')} ${what}`
  if (summary === null) return counted
  const { perSecond, p50Ms, p95Ms, p99Ms, maxMs } = summary
  const each = `each in ${p50Ms} ms (p50), ${p95Ms} ms (p95), ${p99Ms} ms (p99), ${maxMs} ms at most`
  return `${counted} in ${roughDuration(tookMs)}: ${perSecond.toLocaleString('en')}/s; ${each}`
}
