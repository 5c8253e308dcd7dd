/** `chasqui watch`: events as they happen. */

import type { Command } from 'commander'
import type { TaskEvent } from '../engine/engine.ts'
import { writeEvent } from '../wire/event-codec.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addReadingConnection, withClient } from './connection.ts'
import { addState, addTypeAndQueue, filterOf } from './filter-options.ts'
import { coloredState, progressText } from './records.ts'
import { type Screen, shortText } from './screen.ts'

export function addWatch(program: Command): void {
  const command = addCommand(program, {
    usage: 'watch [id...]',
    description:
      'Shows events as they happen: changes of state, progress, log lines. With ids it ends when these tasks are final, otherwise with Ctrl-C.',
    examples: [
      ['chasqui watch', 'everything'],
      ['chasqui watch siesta', 'one task, until it is final'],
      ['chasqui watch --state failed --json', 'failures, for a script'],
    ],
  })
  addReadingConnection(addState(addTypeAndQueue(addJson(command)))).action(
    action(({ screen, options }, ids: readonly string[]) =>
      withClient(options, async (client) => {
        if (ids.length > 0) {
          // Each ends by itself; the first unknown id ends the command.
          await Promise.all(ids.map((id) => showAll(client.task(id).events(), screen)))
        } else {
          const events = client.watch(filterOf(options))
          await events.started
          screen.note(screen.errorColors.dim('Watching; Ctrl-C ends it.'))
          await showAll(events, screen)
        }
        return 'done' as const
      }),
    ),
  )
}

async function showAll(events: AsyncIterable<TaskEvent>, screen: Screen): Promise<void> {
  for await (const event of events) {
    showEvent(event, screen)
    await screen.ready()
  }
}

function showEvent(event: TaskEvent, screen: Screen): void {
  if (screen.json) {
    // The form of the wire, without the name of the watch.
    const { watch: _, ...same } = JSON.parse(writeEvent('', event)) as Record<string, unknown>
    screen.value(same)
    return
  }
  const { colors } = screen
  const { atMs, id, type, queue, state, attempt, progress, lines, dropped } = event
  if (dropped) screen.line(colors.yellow(`… ${dropped} events were dropped: this reader is slow`))
  const head = `${colors.dim(new Date(atMs).toISOString())} ${shortText(id, 40)} ${shortText(type, 24)} (${shortText(queue, 16)})`
  if (progress !== undefined) screen.line(`${head} ${shortText(progressText(progress), 120)}`)
  for (const line of lines ?? []) screen.line(`${head} ${line.level}: ${shortText(line.text, 200)}`)
  if (progress === undefined && lines === undefined) {
    screen.line(`${head} ${coloredState(state, colors)}${attempt > 1 ? ` (attempt ${attempt})` : ''}`)
  }
}
