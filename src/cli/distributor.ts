/** `chasqui distributor`: takes tasks over TCP, holds them in its engine, hands them to workers. */

import type { Command } from 'commander'
import { CLUSTER_SETTINGS, type SettingKey } from '../app/settings.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { serve } from './servers.ts'
import { addSettings, readSettings } from './setting-options.ts'

export const DISTRIBUTOR_SETTINGS = [
  'host',
  'port',
  'proxyProtocol',
  'proxyTrusted',
  'drainNoticeMs',
  'http',
  'httpPort',
  'httpOrigins',
  'webhookSecret',
  'webhookAllow',
  'engine',
  ...CLUSTER_SETTINGS,
  'objects',
  'objectsAboveBytes',
  'tokens',
  'anonymous',
  'audit',
  'auditRetentionMs',
  'tlsCert',
  'tlsKey',
  'tlsCa',
  'leaseMs',
  'reconnectGraceMs',
  'retentionMs',
  'failedRetentionMs',
  'memoryTasksMax',
  'diskFreeMinBytes',
  'frameMaxBytes',
  'connectionsMax',
  'messageStallMs',
  'outboxMaxBytes',
  'slowReaderMs',
  'metrics',
  'metricsAccess',
  'logLevel',
  'logFormat',
  'otlpEndpoint',
] as const satisfies readonly SettingKey[]

export function addDistributor(program: Command): void {
  const command = addCommand(program, {
    usage: 'distributor',
    description:
      'Takes tasks from clients, confirms them once they are safe, and hands them to workers. Ends with Ctrl-C or SIGTERM.',
    examples: [
      ['chasqui distributor', 'on port 5000, tasks in ./chasqui-data'],
      ['chasqui distributor --port 0 --json', 'on a free port; the line on standard output says which'],
      ['chasqui distributor --host 0.0.0.0 --tokens tokens.json', 'for other machines; see chasqui token'],
      [
        'chasqui distributor --tls-cert server.pem --tls-key server-key.pem',
        'with TLS; clients say chasquis://',
      ],
      [
        'chasqui distributor --engine cluster --database-url postgres://db/chasqui --amqp-url amqp://mq',
        'tasks in PostgreSQL, one of several distributors',
      ],
    ],
  })
  addSettings(addJson(command), DISTRIBUTOR_SETTINGS).action(
    action(async ({ screen, options }) => {
      // Loaded only where it runs: every other command starts faster without it.
      const { runDistributor } = await import('../app/run-distributor.ts')
      const { settings, schedules } = await readSettings(options, DISTRIBUTOR_SETTINGS)
      return serve({ settings, schedules, screen, service: 'distributor' }, runDistributor)
    }),
  )
}
