/** `chasqui submit`: one task, or a million. */

import type { Command } from 'commander'
import { roughDuration } from '../app/quantities.ts'
import type { SettingKey } from '../app/settings.ts'
import { withTraces } from '../app/traces.ts'
import type { Client } from '../client/client.ts'
import type { TaskSnapshot } from '../client/snapshot.ts'
import type { ChasquiError } from '../task/errors.ts'
import { SUBMIT_CLIENTS_MAX, SUBMIT_COUNT_MAX, SUBMIT_REFUSALS_SHOWN } from '../task/limits.ts'
import type { Receipt } from '../task/task.ts'
import { fillIn, LOG_EVENTS } from '../telemetry/events.ts'
import type { Log } from '../telemetry/log.ts'
import { action } from './action.ts'
import { addCommand, addJson, durationOption, integerOption } from './common-options.ts'
import { CLIENT_SETTINGS, openClient } from './connection.ts'
import { CommandError, type ExitName } from './exit-codes.ts'
import { openProgress } from './progress.ts'
import { coloredState, endLine, outcomeText, recordValue } from './records.ts'
import type { Screen } from './screen.ts'
import { addSettings, readSettings } from './setting-options.ts'
import { runLanes, type Tally } from './submit-lanes.ts'
import { addTaskOptions, submitOptionsOf } from './submit-options.ts'
import { openSource, type PlannedTask, type Source } from './submit-source.ts'

const SUBMIT_SETTINGS = [...CLIENT_SETTINGS, 'otlpEndpoint'] as const satisfies readonly SettingKey[]

export function addSubmit(program: Command): void {
  const command = addCommand(program, {
    usage: 'submit <type> [data]',
    description:
      'Submits tasks. The data is JSON, or @file, or - for standard input. Ends when they are confirmed, with --wait when they are final.',
    examples: [
      ["chasqui submit sumar '[5,7]' --wait", 'prints the result: 12'],
      ["chasqui submit sumar '[5,7]' --count 100000 --wait", 'with a progress bar on a terminal'],
      [
        'chasqui submit resize @photo.json --delay 10m --attempts 3',
        'data from a file, not before ten minutes',
      ],
      ['chasqui submit resize - --ndjson < data.ndjson', 'each line is the data of a task'],
      [
        'chasqui submit @tasks.ndjson --ndjson',
        'each line is a whole task: {"type":…,"data":…,"priority":…}',
      ],
    ],
  })
  addTaskOptions(addJson(command))
    .option('--count <n>', 'submit it so many times', integerOption(1, SUBMIT_COUNT_MAX))
    .option('--clients <n>', 'over so many connections', integerOption(1, SUBMIT_CLIENTS_MAX))
    .option('--wait', 'wait until the tasks are final')
    .option('--deadline <duration>', 'with --wait: give up after this; the tasks go on', durationOption)
    .option('--ndjson', 'read many tasks, one a line')
  addSettings(command, SUBMIT_SETTINGS).action(
    action(async ({ screen, options }, type: string, data: string | undefined) => {
      const { settings } = await readSettings(options, SUBMIT_SETTINGS)
      const { count = 1, clients: connections = 1 } = options as { count?: number; clients?: number }
      const ndjson = options.ndjson === true
      if (options.id !== undefined && count > 1) {
        throw new CommandError('usage', '--id names one task; --count makes many.')
      }
      if (options.deadline !== undefined && options.wait !== true) {
        throw new CommandError('usage', '--deadline needs --wait.')
      }
      const source = await openSource({ type, data, count, ndjson, options: submitOptionsOf(options) })
      return withTraces(settings, 'submit', troublesOnly(screen), async () => {
        const clients: Client[] = []
        try {
          for (let index = 0; index < connections; index++) clients.push(await openClient(settings))
          const deadlineMs = (options.deadline as number | undefined) ?? Number.POSITIVE_INFINITY
          const waitUntilMs = options.wait === true ? performance.now() + deadlineMs : null
          return await submitAll({ screen, clients, source, waitUntilMs, isBulk: ndjson || count > 1 })
        } finally {
          await Promise.all(clients.map((client) => client.close()))
        }
      })
    }),
  )
}

/** What a command says of its traces, besides its result. */
function troublesOnly(screen: Screen): Pick<Log, 'event'> {
  return {
    event(name, fields = {}) {
      const { level, text } = LOG_EVENTS[name]
      if (level !== 'info') screen.note(fillIn(text, fields))
    },
  }
}

interface Submitting {
  readonly screen: Screen
  readonly clients: readonly Client[]
  readonly source: Source
  readonly waitUntilMs: number | null
  readonly isBulk: boolean
}

async function submitAll(submitting: Submitting): Promise<ExitName> {
  const { screen, clients, source, waitUntilMs, isBulk } = submitting
  const isWaiting = waitUntilMs !== null
  const progress = openProgress(isBulk ? source.count : 0, isWaiting ? 'done' : 'confirmed')
  const startedMs = performance.now()
  let confirmedMs = startedMs
  try {
    const tally = await runLanes({
      clients,
      source,
      waitUntilMs,
      ready: () => screen.ready(),
      onConfirmed(receipt, { confirmed }) {
        confirmedMs = performance.now()
        if (!isWaiting) {
          progress.show(confirmed)
          showReceipt(receipt, isBulk, screen)
        }
      },
      onRefused: (task, error, tally) => showRefusal(task, error, tally, submitting),
      onEnded(record, id, { ended }) {
        progress.show(ended)
        showEnd(record, id, isBulk, screen)
      },
    })
    progress.close()
    if (isBulk && !screen.json) showSummary(tally, { isWaiting, startedMs, confirmedMs }, screen)
    return exitOf(tally)
  } finally {
    progress.close()
  }
}

function showReceipt(receipt: Receipt, isBulk: boolean, screen: Screen): void {
  if (screen.json) screen.value(receipt)
  else if (!isBulk) {
    const { id, state, durability, duplicate } = receipt
    const remark = `(${durability}${duplicate ? ', duplicate' : ''})`
    screen.line(`${id}  ${coloredState(state, screen.colors)}  ${screen.colors.dim(remark)}`)
  }
}

function showRefusal(
  task: PlannedTask,
  error: ChasquiError,
  { refused }: Tally,
  { isBulk, screen }: Submitting,
): void {
  const message = isBulk ? `${task.name}: ${error.message}` : error.message
  if (screen.json) screen.value({ error: { code: error.code, message } })
  else if (refused <= SUBMIT_REFUSALS_SHOWN) screen.note(`${screen.errorColors.red('refused:')} ${message}`)
}

/** One task: its result alone on standard output, the rest beside it. */
function showEnd(record: TaskSnapshot | null, id: string, isBulk: boolean, screen: Screen): void {
  if (screen.json) screen.value(record === null ? { id, state: null } : recordValue(record))
  else if (isBulk) return
  else if (record === null) screen.note(`There is no task ${id} any more.`)
  else if (record.state === 'succeeded') screen.line(outcomeText(record))
  else screen.note(endLine(record, screen.errorColors))
}

function showSummary(
  { confirmed, duplicates, refused, states }: Tally,
  times: { readonly isWaiting: boolean; readonly startedMs: number; readonly confirmedMs: number },
  screen: Screen,
): void {
  const rate = (count: number, ms: number) =>
    `${Math.round(count / Math.max(ms / 1_000, 0.001)).toLocaleString('en')}/s`
  const confirmMs = times.confirmedMs - times.startedMs
  const extra = [
    duplicates > 0 ? `, ${duplicates} of them known before` : '',
    refused > 0 ? `, ${refused} refused` : '',
  ].join('')
  screen.line(
    `${confirmed.toLocaleString('en')} tasks confirmed in ${roughDuration(confirmMs)} (${rate(confirmed, confirmMs)})${extra}`,
  )
  if (!times.isWaiting) return
  const totalMs = performance.now() - times.startedMs
  const ends = Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count.toLocaleString('en')} ${state}`)
  screen.line(`${ends.join(', ') || 'none'} after ${roughDuration(totalMs)} (${rate(confirmed, totalMs)})`)
}

function exitOf({ refused, states }: Tally): ExitName {
  if (refused > 0) return 'refused'
  if (states.failed + states.canceled + states.expired + states.unknown > 0) return 'notSucceeded'
  return states.unfinished > 0 ? 'deadline' : 'done'
}
