/** `chasqui retry`: puts failed, cancelled or expired tasks back into their queue. */

import type { Command } from 'commander'
import type { Client } from '../client/client.ts'
import { action, type Options } from './action.ts'
import { exitOfChanges, showChange } from './changes.ts'
import { addCommand, addJson } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'
import { CommandError, type ExitName } from './exit-codes.ts'
import { addTypeAndQueue, filterOf } from './filter-options.ts'
import type { Screen } from './screen.ts'

export function addRetry(program: Command): void {
  const command = addCommand(program, {
    usage: 'retry [id...]',
    description:
      'Puts failed, cancelled or expired tasks back into their queue with fresh budgets. By filter only failed ones are taken: the dead-letter set.',
    examples: [
      ['chasqui retry 01a20a44-32ba-7000-ac05-842d56955b16', 'one task'],
      ['chasqui retry --type resize', 'all failed tasks of a type'],
      ['chasqui retry --all', 'all failed tasks'],
    ],
  })
  addTypeAndQueue(addJson(command)).option('--all', 'all failed tasks')
  addConnection(command).action(
    action(({ screen, options }, ids: readonly string[]) => {
      const filter = filterOf(options)
      const isFiltered = Object.keys(filter).length > 0
      if (Number(ids.length > 0) + Number(isFiltered) + Number(options.all === true) !== 1) {
        throw new CommandError('usage', 'Say which tasks: ids, or --type and --queue, or --all.')
      }
      return withClient(options, (client) =>
        ids.length > 0 ? retryIds(client, ids, screen) : retryFailed(client, options, screen),
      )
    }),
  )
}

async function retryIds(client: Client, ids: readonly string[], screen: Screen): Promise<ExitName> {
  const { tasks } = await client.retry({ ids })
  tasks.forEach((change, index) => {
    showChange(ids[index]!, change, 'queued', screen)
  })
  return exitOfChanges(tasks, 'queued')
}

async function retryFailed(client: Client, options: Options, screen: Screen): Promise<ExitName> {
  let count = 0
  for (let more = true; more; ) {
    const answer = await client.retry({ filter: filterOf(options) })
    for (const change of answer.tasks) if (screen.json && change !== null) screen.value(change)
    count += answer.tasks.length
    more = answer.more
    await screen.ready()
  }
  if (!screen.json)
    screen.line(count === 1 ? '1 failed task is queued again' : `${count} failed tasks are queued again`)
  return 'done'
}
