/** `chasqui log`: the lines that the handler of a task wrote. */

import type { Command } from 'commander'
import type { Client } from '../client/client.ts'
import type { LogLine } from '../engine/engine.ts'
import { isFinal } from '../task/lifecycle.ts'
import { writeTime } from '../wire/time-codec.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addReadingConnection, withClient } from './connection.ts'
import { type Screen, shortText } from './screen.ts'

const LINE_LENGTH_MAX = 4_096

export function addLog(program: Command): void {
  const command = addCommand(program, {
    usage: 'log <id>',
    description: 'Shows the lines that the handler of a task wrote, of all its attempts.',
    examples: [
      ['chasqui log 01a20a44-32ba-7000-ac05-842d56955b16', 'what there is'],
      ['chasqui log siesta --follow', 'and what comes, until the task is final'],
    ],
  })
  addJson(command).option('-f, --follow', 'go on until the task is final')
  addReadingConnection(command).action(
    action(({ screen, options }, id: string) =>
      withClient(options, async (client) => {
        const [record] = await client.get([id])
        if (record == null) {
          screen.note(`There is no task ${shortText(id, 128)}.`)
          return 'unknownTask' as const
        }
        if (options.follow === true) await follow(client, id, screen)
        else await showAfter(client, id, 0, screen)
        return 'done' as const
      }),
    ),
  )
}

/** Events say that there is something new; what it is, is asked for, so nothing is missed or shown twice. */
async function follow(client: Client, id: string, screen: Screen): Promise<void> {
  let shown = await showAfter(client, id, 0, screen)
  for await (const event of client.task(id).events()) {
    if (event.lines !== undefined || isFinal(event.state)) shown = await showAfter(client, id, shown, screen)
  }
}

async function showAfter(client: Client, id: string, after: number, screen: Screen): Promise<number> {
  const lines = await client.log(id, after)
  for (const line of lines) showLine(line, screen)
  await screen.ready()
  return lines.at(-1)?.number ?? after
}

function showLine({ atMs, ...line }: LogLine, screen: Screen): void {
  const { number, attempt, level, text } = line
  if (screen.json) screen.value({ number, at: writeTime(atMs), attempt, level, text })
  else {
    const { dim, yellow, red } = screen.colors
    const paint = level === 'error' ? red : level === 'warn' ? yellow : String
    screen.line(
      `${dim(`${writeTime(atMs)} #${attempt}`)} ${paint(level.padEnd(5))} ${shortText(text, LINE_LENGTH_MAX)}`,
    )
  }
}
