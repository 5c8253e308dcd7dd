/** What `chasqui queues` does to a queue, besides looking: pause, resume, drain, define, purge. Each says what is so afterwards. */

import { formatDuration, formatSize } from '../app/quantities.ts'
import type { Client } from '../client/client.ts'
import type { Backoff } from '../task/backoff.ts'
import type { QueueSettings } from '../task/queue.ts'
import type { Call, End } from './action.ts'
import { CommandError } from './exit-codes.ts'
import { openProgress } from './progress.ts'
import { changeOf } from './queue-options.ts'
import type { Screen } from './screen.ts'

type Act = (client: Client, queue: string, call: Call) => Promise<End>

const steering =
  (kind: 'pause' | 'resume' | 'drain'): Act =>
  async (client, queue, { screen }) => {
    showSettings(queue, await client.queues[kind](queue), screen)
    return 'done'
  }

export const QUEUE_ACTS: Readonly<Record<string, Act>> = {
  show: async (client, queue, { screen }) => {
    const { queues } = await client.stats()
    const found = queues.find((one) => one.queue === queue)
    if (found === undefined) throw new CommandError('failed', `there is no queue "${queue}" yet.`)
    showSettings(queue, found.settings, screen)
    return 'done'
  },
  pause: steering('pause'),
  resume: steering('resume'),
  drain: steering('drain'),
  define: async (client, queue, { screen, options }) => {
    const change = changeOf(options)
    if (Object.keys(change).length === 0)
      throw new CommandError('usage', 'what is to change? Give at least one of the options marked "define".')
    showSettings(queue, await client.queues.define(queue, change), screen)
    return 'done'
  },
  purge: async (client, queue, { screen, options }) => {
    if (options.yes !== true && !(await isMeant(queue)))
      throw new CommandError('usage', 'nothing was purged. Say --yes, or answer yes.')
    const progress = openProgress(null, 'cancelled')
    const purged = await client.queues.purge(queue, (count) => progress.show(count))
    progress.close()
    if (screen.json) screen.value({ queue, purged })
    else screen.line(`${purged === 1 ? '1 task was' : `${purged} tasks were`} cancelled; what runs goes on`)
    return 'done'
  },
}

/** Asks a person; nobody there means no. */
async function isMeant(queue: string): Promise<boolean> {
  if (process.stdin.isTTY !== true) return false
  const { createInterface } = await import('node:readline/promises')
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`Cancel all tasks that wait in queue "${queue}"? [yes/no] `)
    return answer.trim().toLowerCase() === 'yes'
  } finally {
    lines.close()
  }
}

function showSettings(queue: string, settings: QueueSettings, screen: Screen): void {
  if (screen.json) screen.value({ queue, settings })
  else for (const line of settingsLines(queue, settings)) screen.line(line)
}

const MODE_TEXT = {
  open: 'is open',
  paused: 'is paused: it takes tasks and delivers none',
  draining: 'is draining: it takes no new tasks and delivers those it has',
}

export function settingsLines(queue: string, settings: QueueSettings): string[] {
  const { mode, defaults, tasksMax, bytesMax, retentionMs, failedRetentionMs } = settings
  const said: [string, string | undefined][] = [
    ['priority', defaults.priority?.toString()],
    ['attempts', defaults.maxAttempts?.toString()],
    ['worker deaths', defaults.maxCrashes?.toString()],
    ['back-off', defaults.backoff === undefined ? undefined : backoffText(defaults.backoff)],
    ['timeout', durationText(defaults.timeoutMs)],
    ['expires after', durationText(defaults.ttlMs)],
    ['at most', tasksMax === null ? undefined : `${tasksMax} unfinished tasks`],
    ['at most', bytesMax === null ? undefined : `${formatSize(bytesMax)} of unfinished tasks`],
    ['kept', durationText(retentionMs)],
    ['failed ones kept', durationText(failedRetentionMs)],
  ]
  return [
    `queue ${queue} ${MODE_TEXT[mode]}`,
    ...said.flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(17)}${text}`])),
  ]
}

function backoffText(backoff: Backoff): string {
  switch (backoff.kind) {
    case 'fixed':
      return formatDuration(backoff.delayMs)
    case 'list':
      return backoff.delaysMs.map(formatDuration).join(', ')
    case 'exponential':
      return `doubles from ${formatDuration(backoff.baseMs)} to ${formatDuration(backoff.maxMs)}`
  }
}

function durationText(ms: number | null | undefined): string | undefined {
  return ms == null ? undefined : formatDuration(ms)
}
