/** `chasqui cancel`: stops tasks in any state that is not final. */

import type { Command } from 'commander'
import { action } from './action.ts'
import { exitOfChanges, showChange } from './changes.ts'
import { addCommand, addJson } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'

export function addCancel(program: Command): void {
  const command = addCommand(program, {
    usage: 'cancel <id...>',
    description:
      'Cancels tasks and shows the state that each really reached. A running handler gets its signal, and is stopped when it does not obey.',
    examples: [
      ['chasqui cancel siesta', 'one task'],
      ['chasqui cancel a b --json', '{"id":"a","state":"canceled","changed":true}'],
    ],
  })
  addConnection(addJson(command)).action(
    action(async ({ screen, options }, ids: readonly string[]) => {
      const changes = await withClient(options, (client) => client.cancel(ids))
      changes.forEach((change, index) => {
        showChange(ids[index]!, change, 'canceled', screen)
      })
      return exitOfChanges(changes, 'canceled')
    }),
  )
}
