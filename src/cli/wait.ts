/** `chasqui wait`: until tasks are final. */

import type { Command } from 'commander'
import type { Client } from '../client/client.ts'
import type { TaskSnapshot } from '../client/snapshot.ts'
import { isFinal } from '../task/lifecycle.ts'
import { WAIT_MS_MAX } from '../task/limits.ts'
import { action } from './action.ts'
import { addCommand, addJson, durationOption } from './common-options.ts'
import { addReadingConnection, withClient } from './connection.ts'
import { exitOfStates } from './exit-codes.ts'
import { endLine, recordValue } from './records.ts'

export function addWait(program: Command): void {
  const command = addCommand(program, {
    usage: 'wait <id...>',
    description: 'Waits until tasks are final, and shows how they ended.',
    examples: [
      ['chasqui wait siesta', 'as long as it takes'],
      ['chasqui wait a b --timeout 10s', 'exit code 5 when one of them is not final by then'],
      ['chasqui wait a --json', 'the record as JSON'],
    ],
  })
  addJson(command).option('--timeout <duration>', 'give up after this; the tasks go on', durationOption)
  addReadingConnection(command).action(
    action(async ({ screen, options }, ids: readonly string[]) => {
      const timeoutMs = (options.timeout as number | undefined) ?? Number.POSITIVE_INFINITY
      const records = await withClient(options, (client) => waitForAll(client, ids, timeoutMs))
      records.forEach((record, index) => {
        if (screen.json) screen.value(record && recordValue(record))
        else if (record === null) screen.note(`There is no task ${ids[index]}.`)
        else screen.line(endLine(record, screen.colors))
      })
      return exitOfStates(records.map((record) => record?.state ?? null))
    }),
  )
}

/** One call waits for an hour at most; this waits for as long as it is told. */
export async function waitForAll(
  client: Client,
  ids: readonly string[],
  timeoutMs: number,
): Promise<(TaskSnapshot | null)[]> {
  for (let leftMs = timeoutMs; ; leftMs -= WAIT_MS_MAX) {
    const records = await client.wait(ids, { timeoutMs: Math.min(leftMs, WAIT_MS_MAX) })
    const isOver = records.every((record) => record === null || isFinal(record.state))
    if (isOver || leftMs <= WAIT_MS_MAX) return records
  }
}
