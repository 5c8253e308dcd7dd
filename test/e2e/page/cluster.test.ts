/** The page on the cluster engine: the same journey, with PostgreSQL and RabbitMQ behind it. */

import { test } from 'node:test'
import { openBed } from '../../support/bed.ts'
import { needChromium, needCluster } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { workersReady } from '../cli/chasqui.ts'
import { HANDLERS, openBrowser, openPage, startWeb } from './browser.ts'
import { playJourney } from './journey.ts'

const skip = needChromium().skip || needCluster().skip

test('an operator finds the same on a cluster', { skip }, async (context) => {
  const { databaseUrl, amqpUrl } = await (await openBed(context)).cluster()
  const servers = ['--engine', 'cluster', '--database-url', databaseUrl, '--amqp-url', amqpUrl]
  const server = await startWeb(context, ['up', HANDLERS, ...servers, '--workers', '2', '--drain', '500ms'])
  await workersReady(server, 2)
  const browser = await openBrowser(context)
  const page = await openPage(context, browser, server.http)
  await playJourney(page, { name: 'cluster', folder: temporaryFolder(context, 'journey') })
})
