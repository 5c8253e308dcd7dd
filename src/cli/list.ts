/** `chasqui list`: tasks, newest first. */

import type { Command } from 'commander'
import { LIST_LIMIT_MAX } from '../task/limits.ts'
import { action } from './action.ts'
import { addCommand, addJson, integerOption } from './common-options.ts'
import { addReadingConnection, withClient } from './connection.ts'
import { addState, addTypeAndQueue, filterOf } from './filter-options.ts'
import { showRecords } from './records.ts'

const LIMIT_DEFAULT = 20
const LIMIT_MAX = 1_000_000

export function addList(program: Command): void {
  const command = addCommand(program, {
    usage: 'list',
    description: 'Shows tasks, newest first.',
    examples: [
      ['chasqui list', `the newest ${LIMIT_DEFAULT}`],
      ['chasqui list --state failed --limit 100', 'the dead-letter set'],
      ['chasqui list --state running,queued --type resize', 'what is under way of one type'],
      ['chasqui list --state failed --limit 100000 --json', 'for scripts'],
    ],
  })
  addState(addTypeAndQueue(addJson(command)))
    .option('--limit <n>', `at most so many (default: ${LIMIT_DEFAULT})`, integerOption(1, LIMIT_MAX))
    .option('--data', 'include what was submitted (with --json)')
  addReadingConnection(command).action(
    action(({ screen, options }) =>
      withClient(options, async (client) => {
        let left = (options.limit as number | undefined) ?? LIMIT_DEFAULT
        let cursor: string | null | undefined
        do {
          const page = await client.list({
            ...filterOf(options),
            limit: Math.min(left, LIST_LIMIT_MAX),
            ...(options.data === true && { data: true }),
            ...(cursor && { cursor }),
          })
          if (screen.json || page.tasks.length > 0) showRecords(page.tasks, screen)
          left -= page.tasks.length
          cursor = page.cursor
          await screen.ready()
        } while (cursor !== null && left > 0)
        if (cursor !== null) screen.note(screen.errorColors.dim('There are more: --limit.'))
        return 'done' as const
      }),
    ),
  )
}
