/** On a real PostgreSQL and a real RabbitMQ: a database and a virtual host for each test, under a clock that jumps. */

import { test } from 'node:test'
import { openClusterEngine } from '../../src/engine/cluster/open-cluster-engine.ts'
import { type Bed, openBed } from '../support/bed.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'
import { SETTINGS } from './harness.ts'
import { JumpingClock } from './jumping-clock.ts'
import { conformance } from './suite.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip

if (skip !== undefined)
  test('the promises of the engine port on the cluster engine', { skip }, () => undefined)
else {
  conformance('cluster', {
    durable: true,
    durability: 'disk',
    ordered: false,
    async open() {
      const ends: (() => Promise<void>)[] = []
      const bed: Bed = await openBed({ after: (end) => ends.push(end) })
      const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
      const clock = new JumpingClock()
      const open = async () => {
        const engine = await openClusterEngine({
          databaseUrl,
          amqpUrls: [amqpUrl],
          clock,
          ...SETTINGS,
        })
        clock.settled = () => engine.settled()
        return engine
      }
      let engine = await open()
      return {
        engine,
        clock,
        async reopen(closedMs) {
          await engine.close()
          clock.settled = async () => undefined
          await clock.advance(closedMs)
          engine = await open()
          return engine
        },
        async dispose() {
          await engine.close()
          for (const end of ends) await end()
        },
      }
    },
  })
}
