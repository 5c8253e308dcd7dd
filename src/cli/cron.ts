/** `chasqui cron`: tasks that submit themselves. What it does to one of them is in cron-acts.ts. */

import { type Command, Option } from 'commander'
import { CATCH_UPS, OVERLAPS } from '../engine/cron.ts'
import { action } from './action.ts'
import { addCommand, addJson, durationOption } from './common-options.ts'
import { addConnection, withClient } from './connection.ts'
import { CRON_ACTS } from './cron-acts.ts'
import { CommandError } from './exit-codes.ts'
import { addScheduledTaskOptions } from './submit-options.ts'

export function addCron(program: Command): void {
  const command = addCommand(program, {
    usage: 'cron [what] [name] [type] [data]',
    description:
      'Schedules: cron list shows them with their next ticks; cron put NAME TYPE [DATA] makes or changes one; cron delete, pause, resume and run NAME. When they tick, also where clocks are changed: docs/cron.md.',
    examples: [
      ['chasqui cron', 'a table'],
      [
        'chasqui cron put report report \'{"of":"yesterday"}\' --expression "30 2 * * *" --timezone Europe/Berlin',
        'each night',
      ],
      ['chasqui cron put ping ping --every 30s --overlap replace', 'every 30 seconds'],
      ['chasqui cron put books close --expression "0 0 1 * *" --catch-up all --overlap queue', 'misses none'],
      ['chasqui cron list report --next 5', 'its next five ticks'],
      ['chasqui cron run report', 'now, besides its ticks'],
      ['chasqui cron pause report', 'no ticks until cron resume'],
      ['chasqui cron delete report', 'its tasks stay'],
    ],
  })
  addJson(command)
    .option('--expression <cron>', 'five cron fields, or six with seconds first')
    .option('--timezone <zone>', 'IANA zone in which it is meant (default: UTC)')
    .addOption(
      new Option('--every <duration>', 'instead: from tick to tick')
        .argParser(durationOption)
        .conflicts('expression'),
    )
    .option('--anchor <time>', 'with --every: an instant with a tick, in ISO 8601')
    .addOption(
      new Option('--overlap <what>', 'while an earlier task is not final (default: skip)').choices(OVERLAPS),
    )
    .addOption(new Option('--catch-up <what>', 'ticks that are late (default: last)').choices(CATCH_UPS))
    .option('--next <n>', 'list: so many of the next ticks', Number)
  addScheduledTaskOptions(command)
  addConnection(command).action(
    action(async (call, what = 'list', name?: string, type?: string, data?: string) => {
      const act = Object.hasOwn(CRON_ACTS, what as string) ? CRON_ACTS[what as string] : undefined
      if (act === undefined) {
        throw new CommandError(
          'usage',
          `there is cron ${Object.keys(CRON_ACTS).join(', ')}, not "cron ${what}".`,
        )
      }
      if (name === undefined && what !== 'list')
        throw new CommandError('usage', `which one? cron ${what} NAME.`)
      return withClient(call.options, (client) => act(client, { name, type, data }, call))
    }),
  )
}
