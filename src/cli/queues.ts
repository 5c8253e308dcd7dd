/** `chasqui queues`: how much waits where; and what may be done to a queue (queue-acts.ts). */

import type { Command } from 'commander'
import { roughDuration } from '../app/quantities.ts'
import type { QueueReport } from '../engine/engine.ts'
import { writeTime } from '../wire/time-codec.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'
import { CommandError } from './exit-codes.ts'
import { QUEUE_ACTS } from './queue-acts.ts'
import { addQueueOptions } from './queue-options.ts'
import { type Column, shortText, tableLines } from './screen.ts'

export function addQueues(program: Command): void {
  const command = addCommand(program, {
    usage: 'queues [what] [queue]',
    description:
      'Shows the queues: what waits, what runs, and what became of the rest since the store was made. Or steers one: queues pause NAME, resume, drain, define, purge, show.',
    examples: [
      ['chasqui queues', 'a table'],
      ['chasqui queues --json', 'a JSON line each'],
      ['chasqui queues pause mail', 'delivers nothing any more; what runs goes on, new tasks wait'],
      ['chasqui queues resume mail', 'ends a pause, or a drain'],
      ['chasqui queues drain mail', 'takes no new tasks, and delivers those it has'],
      ['chasqui queues define mail --attempts 3 --ttl 1h --tasks-max 100000', 'none takes away'],
      ['chasqui queues purge mail --yes', 'cancels all that waits'],
      ['chasqui queues show mail', 'what it was told'],
    ],
  })
  addQueueOptions(addJson(command)).option('--yes', 'purge: do not ask')
  addConnection(command).action(
    action(async (call, what?: string, queue?: string) => {
      const { screen, options } = call
      if (what !== undefined) {
        const act = Object.hasOwn(QUEUE_ACTS, what) ? QUEUE_ACTS[what] : undefined
        if (act === undefined || queue === undefined) {
          throw new CommandError(
            'usage',
            `say what, and which queue: ${Object.keys(QUEUE_ACTS).join(', ')} NAME.`,
          )
        }
        return withClient(options, (client) => act(client, queue, call))
      }
      const { queues } = await withClient(options, (client) => client.stats())
      if (screen.json) for (const queue of queues) screen.value(queueValue(queue))
      else if (queues.length === 0) screen.note('There is no queue yet: nothing was submitted.')
      else for (const line of tableLines(columns(Date.now()), queues, screen.colors)) screen.line(line)
      return 'done'
    }),
  )
}

export function queueValue({ oldestQueuedAtMs, ...same }: QueueReport): unknown {
  return { ...same, oldestQueuedAt: oldestQueuedAtMs === null ? null : writeTime(oldestQueuedAtMs) }
}

function columns(nowMs: number): readonly Column<QueueReport>[] {
  const count = (title: string, of: (queue: QueueReport) => number): Column<QueueReport> => ({
    title,
    cell: (queue) => String(of(queue)),
    right: true,
  })
  return [
    { title: 'queue', cell: ({ queue }) => shortText(queue, 40) },
    { title: 'mode', cell: ({ settings }) => settings.mode },
    count('queued', ({ queued }) => queued),
    count('running', ({ running }) => running),
    count('scheduled', ({ scheduled }) => scheduled),
    {
      title: 'oldest',
      cell: ({ oldestQueuedAtMs: at }) => (at === null ? '' : roughDuration(Math.max(0, nowMs - at))),
      right: true,
    },
    count('succeeded', ({ totals }) => totals.succeeded),
    count('failed', ({ totals }) => totals.failed),
    count('canceled', ({ totals }) => totals.canceled),
    count('expired', ({ totals }) => totals.expired),
  ]
}
