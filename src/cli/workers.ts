/** `chasqui workers`: who takes tasks, and how much each has in hand. */

import type { Command } from 'commander'
import { roughDuration } from '../app/quantities.ts'
import type { ConsumerReport } from '../engine/engine.ts'
import { writeTime } from '../wire/time-codec.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'
import { CommandError } from './exit-codes.ts'
import { type Column, shortText, tableLines } from './screen.ts'

export function addWorkers(program: Command): void {
  const command = addCommand(program, {
    usage: 'workers [what] [id]',
    description:
      'Shows the workers that are connected. Or tells one to leave: workers drain ID (of --json): it takes nothing more, hands back what it has not started, finishes the rest, and ends.',
    examples: [
      ['chasqui workers', 'a table'],
      ['chasqui workers --json', 'a JSON line each'],
      ['chasqui workers drain 01a20a44-32ba-7000-ac05-842d56955b16', 'one leaves'],
    ],
  })
  addConnection(addJson(command)).action(
    action(async ({ screen, options }, what?: string, id?: string) => {
      if (what !== undefined) {
        if (what !== 'drain' || id === undefined)
          throw new CommandError('usage', 'there is workers, and workers drain ID.')
        const told = await withClient(options, (client) => client.drainWorker(id))
        if (told === 0) throw new CommandError('failed', `there is no worker with the id ${id}.`)
        if (screen.json) screen.value({ worker: id, consumers: told })
        else screen.line(`worker ${id} was told to leave`)
        return 'done'
      }
      const { consumers } = await withClient(options, (client) => client.stats())
      if (screen.json) for (const consumer of consumers) screen.value(consumerValue(consumer))
      else if (consumers.length === 0)
        screen.note('No worker is connected; tasks wait. Start one: chasqui worker')
      else for (const line of tableLines(columns(Date.now()), consumers, screen.colors)) screen.line(line)
      return 'done'
    }),
  )
}

/** As `worker.list` of the wire has it. */
export function consumerValue({ id, connectedAtMs, ...same }: ConsumerReport): unknown {
  return { consumer: id, ...same, connectedAt: writeTime(connectedAtMs) }
}

function columns(nowMs: number): readonly Column<ConsumerReport>[] {
  return [
    { title: 'pid', cell: ({ worker }) => String(worker.pid), right: true },
    { title: 'host', cell: ({ worker }) => shortText(worker.host, 24) },
    { title: 'queues', cell: ({ queues }) => shortText(queues.join(','), 30) },
    { title: 'types', cell: ({ types }) => shortText(types === null ? 'all' : types.join(','), 40) },
    { title: 'slots', cell: ({ slots }) => String(slots), right: true },
    { title: 'prefetch', cell: ({ prefetch }) => String(prefetch), right: true },
    { title: 'held', cell: ({ held }) => String(held), right: true },
    { title: 'settled', cell: ({ settled }) => String(settled), right: true },
    {
      title: 'connected',
      cell: ({ connectedAtMs }) => roughDuration(Math.max(0, nowMs - connectedAtMs)),
      right: true,
    },
  ]
}
