/**
 * `chasqui up --demo`, which is what `npm start` runs: the two tests of the seed, with real TCP clients. Test 1: three clients, one
 * after the other. Test 2: three clients at once.
 *
 * Everything on the screen is what really happened: confirmations as they came over the socket, results and workers as the
 * distributor recorded them. A result that is wrong or missing makes the exit code 1.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningUp } from '../../app/run-up.ts'
import type { Settings } from '../../app/settings.ts'
import type { Client } from '../../client/client.ts'
import { connect } from '../../client/connect.ts'
import type { TaskSnapshot } from '../../client/snapshot.ts'
import { ChasquiError } from '../../task/errors.ts'
import { DEMO_LOOK_MS, DEMO_RESULTS_MS, DEMO_WORKERS_MS } from '../../task/limits.ts'
import { addressText } from '../../wire/address.ts'
import { outcomeText, runMs } from '../records.ts'
import { type Screen, shortText, tableLines } from '../screen.ts'
import { nextSteps } from './next-steps.ts'
import { type Confirmation, sendTasks } from './raw-client.ts'
import { type DemoTask, tasksOfClient } from './sample-tasks.ts'

const CLIENTS = [1, 2, 3]

export interface DemoOptions {
  readonly screen: Screen
  readonly once: boolean
  readonly settings: Settings
}

/** One task of the demo, from the client to its end. */
interface Journey {
  readonly client: number
  readonly task: DemoTask
  readonly confirmation: Confirmation
}

interface Arrival extends Journey {
  readonly record: TaskSnapshot | null
  readonly isRight: boolean
}

/** Answers with the exit code when it is to be the end. */
export async function playDemo(
  up: RunningUp,
  { screen, once, settings }: DemoOptions,
): Promise<'stay' | number> {
  await using client = await connect(`chasqui://${addressText(up.local)}`, { name: 'demo' })
  await allWorkersReady(client, settings.workers)
  const stage: Stage = { up, client, screen }
  const arrivals = await playTest(stage, 'Test 1: three clients, one after the other', async (send) => {
    for (const number of CLIENTS) await send(number)
  })
  // Where something is wrong, more of it tells nothing new.
  if (arrivals.every((arrival) => arrival.isRight)) {
    const together = await playTest(stage, 'Test 2: three clients at once', async (send) => {
      await Promise.all(CLIENTS.map(send))
    })
    arrivals.push(...together)
  }
  const isRight = showSpread(arrivals, screen)
  if (once) return isRight ? 0 : 1
  if (!screen.json) for (const line of nextSteps(up.local, screen.colors)) screen.line(line)
  return 'stay'
}

interface Stage {
  readonly up: RunningUp
  readonly client: Client
  readonly screen: Screen
}

/** Otherwise the first worker to be there would have run everything before the second one had a chance. */
async function allWorkersReady(client: Client, count: number): Promise<void> {
  const deadlineMs = performance.now() + DEMO_WORKERS_MS
  for (;;) {
    const { consumers } = await client.stats()
    if (consumers.length >= count) return
    if (performance.now() > deadlineMs) {
      throw new ChasquiError('TIMEOUT', `only ${consumers.length} of ${count} workers came up in time`)
    }
    await sleep(DEMO_LOOK_MS)
  }
}

async function playTest(
  { up, client, screen }: Stage,
  title: string,
  plan: (send: (client: number) => Promise<void>) => Promise<void>,
): Promise<Arrival[]> {
  const { bold, dim, green, red } = screen.colors
  if (!screen.json) screen.line(`\n${bold(title)}`)
  const journeys: Journey[] = []
  await plan((number) =>
    sendTasks(up.local, tasksOfClient(), (task, confirmation) => {
      journeys.push({ client: number, task, confirmation })
      if (screen.json) return
      const what = `${task.type} ${JSON.stringify(task.data)}`
      const mark = confirmation.status === 'ok' ? green('ok') : red('error')
      screen.line(
        `  client ${number}  ${what.padEnd(28)} ${dim('→')} ${mark} ${shortText(confirmation.message, 100)}`,
      )
    }),
  )
  const ids = journeys.map(({ task }) => task.id)
  const records = await client.wait(ids, { timeoutMs: DEMO_RESULTS_MS })
  const arrivals = journeys.map((journey, index): Arrival => {
    const record = records[index] ?? null
    return { ...journey, record, isRight: record?.result === journey.task.expected }
  })
  showArrivals(arrivals, screen)
  return arrivals
}

function showArrivals(arrivals: readonly Arrival[], screen: Screen): void {
  const { colors } = screen
  if (screen.json) {
    for (const { client, task, confirmation, record, isRight } of arrivals) {
      const { state = null, result = null, worker = null } = record ?? {}
      screen.value({ client, ...task, confirmation, state, result, isRight, worker })
    }
    return
  }
  const rows = tableLines<Arrival>(
    [
      { title: '  task', cell: ({ task }) => `  ${task.id}` },
      { title: 'client', cell: ({ client }) => String(client), right: true },
      { title: 'worker', cell: ({ record }) => String(record?.worker?.pid ?? '?'), right: true },
      { title: 'result', cell: ({ task, record, isRight }) => resultCell(task, record, isRight, screen) },
      { title: 'ms', cell: ({ record }) => String((record && runMs(record)) ?? ''), right: true },
    ],
    arrivals,
    colors,
  )
  for (const row of rows) screen.line(row)
}

function resultCell(
  task: DemoTask,
  record: TaskSnapshot | null,
  isRight: boolean,
  { colors }: Screen,
): string {
  const call = `${task.type} ${JSON.stringify(task.data)}`
  if (isRight) return `${call} = ${colors.green(String(task.expected))}`
  const found = record === null ? 'unknown task' : `${record.state} ${shortText(outcomeText(record), 60)}`
  return colors.red(`${call} should be ${task.expected}, is: ${found}`)
}

/** Which worker ran how many; answers whether every result was right. */
function showSpread(arrivals: readonly Arrival[], screen: Screen): boolean {
  const wrong = arrivals.filter(({ isRight }) => !isRight).length
  if (screen.json) return wrong === 0
  const { bold, green, red, cyan } = screen.colors
  const counts = new Map<string, number>()
  for (const { record } of arrivals) {
    const worker = record?.worker === undefined ? 'nobody' : `worker ${record.worker.pid}`
    counts.set(worker, (counts.get(worker) ?? 0) + 1)
  }
  screen.line(`\n${bold('Who ran what')}`)
  for (const [worker, count] of [...counts].sort()) {
    screen.line(`  ${worker.padEnd(16)} ${cyan('█'.repeat(count))} ${count}`)
  }
  screen.line(
    wrong === 0
      ? `  ${green(`All ${arrivals.length} results are right.`)}`
      : `  ${red(`${wrong} of ${arrivals.length} results are wrong or missing.`)}`,
  )
  return wrong === 0
}
