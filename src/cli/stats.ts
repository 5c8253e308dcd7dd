/** `chasqui stats`: the whole system in a few lines. */

import type { Command } from 'commander'
import type { EngineReport, QueueReport } from '../engine/engine.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'
import { queueValue } from './queues.ts'
import { type Screen, shortText } from './screen.ts'
import { consumerValue } from './workers.ts'

export function addStats(program: Command): void {
  const command = addCommand(program, {
    usage: 'stats',
    description: 'Shows the engine, its store and the totals of all queues.',
    examples: [
      ['chasqui stats', 'in a few lines'],
      ['chasqui stats --json', 'queues and workers too, as one JSON line'],
    ],
  })
  addConnection(addJson(command)).action(
    action(async ({ screen, options }) => {
      const report = await withClient(options, (client) => client.stats())
      if (screen.json) screen.value(reportValue(report))
      else showReport(report, screen)
      return 'done'
    }),
  )
}

function reportValue({ kind, durability, queues, consumers, store }: EngineReport): unknown {
  return {
    engine: kind,
    durability,
    queues: queues.map(queueValue),
    workers: consumers.map(consumerValue),
    store,
  }
}

function showReport({ kind, durability, queues, consumers, store }: EngineReport, screen: Screen): void {
  const sum = (of: (queue: QueueReport) => number) => queues.reduce((total, queue) => total + of(queue), 0)
  const slots = consumers.reduce((total, consumer) => total + consumer.slots, 0)
  const rows: readonly (readonly [string, string])[] = [
    ['engine', `${kind}, durability ${durability}`],
    ['queues', queues.map(({ queue }) => shortText(queue, 40)).join(', ') || 'none yet'],
    ['workers', `${consumers.length}, with ${slots} slots`],
    ['submitted', String(sum(({ totals }) => totals.submitted))],
    ['queued', String(sum(({ queued }) => queued))],
    ['running', String(sum(({ running }) => running))],
    ['scheduled', String(sum(({ scheduled }) => scheduled))],
    ['succeeded', String(sum(({ totals }) => totals.succeeded))],
    ['failed', String(sum(({ totals }) => totals.failed))],
    ['canceled', String(sum(({ totals }) => totals.canceled))],
    ['expired', String(sum(({ totals }) => totals.expired))],
    ...Object.entries(store).map(([name, value]) => [`store ${name}`, String(value)] as const),
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  for (const [name, text] of rows) screen.line(`${screen.colors.dim(name.padEnd(width))}  ${text}`)
}
