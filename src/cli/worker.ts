/** `chasqui worker`: takes tasks from a distributor and runs their handlers in threads. */

import type { Command } from 'commander'
import { CLUSTER_SETTINGS, type SettingKey, TLS_SETTINGS } from '../app/settings.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { asUsage } from './exit-codes.ts'
import { serve } from './servers.ts'
import { addSettings, readSettings } from './setting-options.ts'

export const WORKER_SETTINGS = [
  'connect',
  'engine',
  ...CLUSTER_SETTINGS,
  'objects',
  'objectsAboveBytes',
  'leaseMs',
  'reconnectGraceMs',
  'retentionMs',
  'failedRetentionMs',
  'connectTimeoutMs',
  'token',
  ...TLS_SETTINGS,
  'encryptionKeys',
  'plainPayloads',
  'concurrency',
  'threads',
  'prefetch',
  'queues',
  'types',
  'handlerEnv',
  'stopGraceMs',
  'drainMs',
  'threadMemoryBytes',
  'processMemoryBytes',
  'resultMaxBytes',
  'taskLines',
  'metrics',
  'workerHttpPort',
  'workerHttpHost',
  'logLevel',
  'logFormat',
  'otlpEndpoint',
] as const satisfies readonly SettingKey[]

export function addWorker(program: Command): void {
  const command = addCommand(program, {
    usage: 'worker [module...]',
    description:
      'Takes tasks from a distributor and runs their handlers. A module is a TypeScript or JavaScript file, or a package, that exports what defineTask made; without one the samples are loaded. Ends with Ctrl-C or SIGTERM, after a drain.',
    examples: [
      ['chasqui worker', 'the samples sumar, multiplicar, dormir and eco'],
      ['chasqui worker tasks.ts --concurrency 8', 'your own handlers, eight at a time'],
      ['chasqui worker tasks.ts --queues mail,default', 'from these queues only'],
      ['chasqui worker tasks.ts --connect chasqui://10.0.0.5:5000', 'of a distributor on another machine'],
      [
        'chasqui worker tasks.ts --engine cluster --database-url postgres://db/chasqui --amqp-url amqp://mq',
        'directly on the cluster, without a distributor',
      ],
    ],
  })
  addJson(command).option(
    '--until-input-ends',
    'drain when standard input ends: how a process that started this one is noticed to be gone',
  )
  addSettings(command, WORKER_SETTINGS).action(
    action(async ({ screen, options }, modules: readonly string[]) => {
      const { runWorker } = await import('../app/run-worker.ts')
      const config = await readSettings(options, WORKER_SETTINGS, modules)
      // A distributor that was named wins over an engine in a configuration that both roles share.
      const isDirect = config.settings.engine === 'cluster' && config.origins.connect === 'default'
      const settings = isDirect ? config.settings : { ...config.settings, engine: config.settings.connect }
      const untilInputEnds = options.untilInputEnds === true
      // A module or type that cannot be used was named on the command line, or in a setting.
      return asUsage(serve({ settings, screen, untilInputEnds, service: 'worker' }, runWorker))
    }),
  )
}
