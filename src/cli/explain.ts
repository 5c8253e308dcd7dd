/** `chasqui explain`: why a task is not running, in sentences. */

import type { Command } from 'commander'
import { explanationShape } from '../wire/explanation-codec.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'
import type { ExitName } from './exit-codes.ts'

export function addExplain(program: Command): void {
  const command = addCommand(program, {
    usage: 'explain <id...>',
    description:
      'Says why a task is not running: not due, a paused queue, no worker, one that does not know its type, busy workers, tasks before it, or what became of it.',
    examples: [
      ['chasqui explain 01a20a44-32ba-7000-ac05-842d56955b16', 'sentences'],
      ['chasqui explain 01a20a44-32ba-7000-ac05-842d56955b16 --json', 'the same for programs'],
    ],
  })
  addConnection(addJson(command)).action(
    action(({ screen, options }, ids: readonly string[]) =>
      withClient(options, async (client): Promise<ExitName> => {
        let end: ExitName = 'done'
        for (const id of ids) {
          const explanation = await client.explain(id)
          if (screen.json) screen.value(explanation === null ? null : explanationShape(explanation))
          else if (explanation === null) screen.line(`${id} is not known (any more)`)
          else {
            const { state, type, queue, reasons } = explanation
            screen.line(`${id} is ${state} (type ${type}, queue ${queue})`)
            for (const { message } of reasons) screen.line(`  ${message}`)
          }
          if (explanation === null) end = 'unknownTask'
        }
        return end
      }),
    ),
  )
}
