/** `chasqui queues`: how much waits where. */

import type { Command } from 'commander'
import { roughDuration } from '../app/quantities.ts'
import type { QueueReport } from '../engine/engine.ts'
import { writeTime } from '../wire/time-codec.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'
import { type Column, shortText, tableLines } from './screen.ts'

export function addQueues(program: Command): void {
  const command = addCommand(program, {
    usage: 'queues',
    description:
      'Shows the queues: what waits, what runs, and what became of the rest since the store was made.',
    examples: [
      ['chasqui queues', 'a table'],
      ['chasqui queues --json', 'a JSON line each'],
    ],
  })
  addConnection(addJson(command)).action(
    action(async ({ screen, options }) => {
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
