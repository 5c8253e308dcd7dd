/** `chasqui migrate`: brings the database of the cluster engine to this version. */

import type { Command } from 'commander'
import { migrateCluster } from '../app/composition.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { addSettings, readSettings } from './setting-options.ts'

const MIGRATE_SETTINGS = ['databaseUrl'] as const

export function addMigrate(program: Command): void {
  const command = addCommand(program, {
    usage: 'migrate',
    description:
      'Brings the tables of the cluster engine to this version; safe to run from several processes at once, and again. Not needed where distributors do it when they start (--migrate auto).',
    examples: [
      ['chasqui migrate --database-url postgres://db/chasqui', 'before the first start, or an update'],
    ],
  })
  addSettings(addJson(command), MIGRATE_SETTINGS).action(
    action(async ({ screen, options }) => {
      const { settings } = await readSettings(options, MIGRATE_SETTINGS)
      const steps = await migrateCluster(settings)
      if (screen.json) screen.value({ steps })
      else
        screen.line(
          steps === 0
            ? 'The database has this version already.'
            : `Took ${steps} step(s); the database is ready.`,
        )
      return 'done'
    }),
  )
}
