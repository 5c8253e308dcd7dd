/** `chasqui get`: everything that is known of tasks. */

import type { Command } from 'commander'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addReadingConnection, withClient } from './connection.ts'
import { recordDetails, recordValue } from './records.ts'

export function addGet(program: Command): void {
  const command = addCommand(program, {
    usage: 'get <id...>',
    description: 'Shows everything that is known of tasks.',
    examples: [
      ['chasqui get 01a20a44-32ba-7000-ac05-842d56955b16', 'one task, a field a line'],
      ['chasqui get a b --json', 'two tasks, a JSON line each; null where unknown'],
      ['chasqui get a --data', 'with what was submitted'],
    ],
  })
  addJson(command).option('--data', 'include what was submitted')
  addReadingConnection(command).action(
    action(async ({ screen, options }, ids: readonly string[]) => {
      const found = await withClient(options, (client) => client.get(ids, { data: options.data === true }))
      found.forEach((record, index) => {
        if (screen.json) screen.value(record && recordValue(record))
        else if (record === null) screen.note(`There is no task ${ids[index]}.`)
        else screen.line(`${index > 0 ? '\n' : ''}${recordDetails(record, screen.colors).join('\n')}`)
      })
      return found.includes(null) ? 'unknownTask' : 'done'
    }),
  )
}
