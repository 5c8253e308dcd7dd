/** `chasqui top`: the system at a glance, live. */

import type { Command } from 'commander'
import { TOP_INTERVAL_MIN_MS, TOP_INTERVAL_MS } from '../task/limits.ts'
import { action } from './action.ts'
import { addCommand, addJson, durationOption } from './common-options.ts'
import { addConnection, CLIENT_SETTINGS, withClient } from './connection.ts'
import { CommandError } from './exit-codes.ts'
import { readSettings } from './setting-options.ts'

export function addTop(program: Command): void {
  const command = addCommand(program, {
    usage: 'top',
    description:
      'Shows the system live: rates, queues with their backlog, workers and what they run, failures. Ends with q or Ctrl-C; ? shows the keys. Where standard output is no terminal it shows one picture and ends.',
    examples: [
      ['chasqui top', 'on the whole terminal, once a second'],
      ['chasqui top --once', 'one picture, after two looks'],
      ['chasqui top --json --interval 10s', 'a JSON line every ten seconds, until Ctrl-C'],
    ],
  })
  addConnection(addJson(command))
    .option('--once', 'one picture, or one JSON line, and end')
    .option('--interval <duration>', 'how often to look (default: 1s)', durationOption)
    .action(
      action(async ({ screen, options }) => {
        const intervalMs = (options.interval as number | undefined) ?? TOP_INTERVAL_MS
        if (intervalMs < TOP_INTERVAL_MIN_MS) {
          throw new CommandError('usage', `--interval must be ${TOP_INTERVAL_MIN_MS}ms or more.`)
        }
        const { settings } = await readSettings(options, CLIENT_SETTINGS)
        const [{ createLooker }, { showLive }, { showOnce, showValues }] = await Promise.all([
          import('./top/looks.ts'),
          import('./top/live.ts'),
          import('./top/still.ts'),
        ])
        return await withClient(options, async (client) => {
          const looker = createLooker(client)
          const top = { looker, address: settings.connect, intervalMs }
          try {
            if (screen.json) return await showValues(top, options.once === true, screen)
            if (options.once === true || !isLive()) return await showOnce(top, screen)
            return await showLive(top, screen.colors)
          } finally {
            await looker.close()
          }
        })
      }),
    )
}

/** A terminal that can do more than a typewriter. */
function isLive(): boolean {
  return process.stdout.isTTY === true && process.env.TERM !== 'dumb'
}
