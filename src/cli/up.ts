/** `chasqui up`: a whole system on one machine. */

import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { flagOf, type SettingKey, schemaOf, TLS_SETTINGS, variableOf } from '../app/settings.ts'
import { action, type Options } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { DISTRIBUTOR_SETTINGS } from './distributor.ts'
import { CommandError } from './exit-codes.ts'
import { serve } from './servers.ts'
import { addSettings, flagsOf, readSettings } from './setting-options.ts'
import { WORKER_SETTINGS } from './worker.ts'

const UP_SETTINGS: readonly SettingKey[] = [
  'workers',
  ...new Set([
    ...DISTRIBUTOR_SETTINGS,
    ...WORKER_SETTINGS.filter(
      (key) =>
        key !== 'connect' && key !== 'tlsServerName' && key !== 'token' && !key.startsWith('workerHttp'),
    ),
  ]),
]

export function addUp(program: Command): void {
  const command = addCommand(program, {
    usage: 'up [module...]',
    description:
      'Starts a distributor and worker processes in one go; ends all of them with Ctrl-C. The modules are those of `chasqui worker`.',
    examples: [
      ['chasqui up', 'on port 5000, two workers with the sample handlers'],
      ['chasqui up tasks.ts --workers 4', 'your own handlers in four worker processes'],
      ['chasqui up --engine memory --port 5001', 'nothing is kept when it ends'],
      ['chasqui up --demo --once', 'plays the sample tasks and ends'],
    ],
  })
  addJson(command)
    .option('--demo', 'play the sample tasks: three clients one after the other, then three at once')
    .option('--once', 'with --demo: end after it, with exit code 0 if every result is right')
  addSettings(command, UP_SETTINGS).action(
    action(async ({ screen, options }, modules: readonly string[]) => {
      const { runUp } = await import('../app/run-up.ts')
      const { playDemo } = await import('./demo/demo.ts')
      const demo = options.demo === true
      // A demo is for people, also where its output goes to a file.
      const given: Options = demo ? { logFormat: 'text', ...options } : options
      const { settings, schedules } = await readSettings(given, UP_SETTINGS, modules)
      if (options.once === true && !demo) throw new CommandError('usage', '--once needs --demo.')
      if (demo && settings.modules.length > 0) {
        throw new CommandError('usage', '--demo runs the samples; leave the modules out.')
      }
      if (demo && settings.tlsCert !== undefined) {
        throw new CommandError('usage', '--demo shows the bare clients of plain TCP; leave --tls-cert out.')
      }
      if (demo && settings.tokens !== undefined) {
        throw new CommandError('usage', '--demo shows clients that have no token; leave --tokens out.')
      }
      if (demo && settings.encryptionKeys !== undefined) {
        throw new CommandError(
          'usage',
          '--demo shows clients that encrypt nothing; leave --encryption-keys out.',
        )
      }
      return serve({ settings, schedules, screen, service: 'distributor' }, (role) =>
        runUp(role, {
          workerArgs: workerArgs(given, settings.modules),
          workerEnv: workerEnv(given),
          ...(demo && { play: (up) => playDemo(up, { screen, once: options.once === true, settings }) }),
        }),
      )
    }),
  )
}

/** A worker process gets what this command line said about workers; variables and the configuration file it reads itself. */
function workerArgs(options: Options, modules: readonly string[]): string[] {
  const main = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url),
  )
  // Certificates of the server are none of its workers; how they connect is said by `runUp`.
  const own = WORKER_SETTINGS.filter(
    (key) => !(TLS_SETTINGS as readonly SettingKey[]).includes(key) && schemaOf(key).secret === undefined,
  )
  const flags = Object.entries(flagsOf(options, own)).flatMap(([key, text]) => [
    flagOf(key as SettingKey),
    text,
  ])
  const config = typeof options.config === 'string' ? ['--config', options.config] : []
  return [main, 'worker', ...modules, ...config, ...flags]
}

/** Its secrets, which do not belong into a list of processes. */
function workerEnv(options: Options): Readonly<Record<string, string>> {
  const secret = WORKER_SETTINGS.filter((key) => key !== 'token' && schemaOf(key).secret !== undefined)
  const given = Object.entries(flagsOf(options, secret))
  return Object.fromEntries(given.map(([key, text]) => [variableOf(key as SettingKey), text]))
}
