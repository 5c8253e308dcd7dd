/** What `chasqui check` says of the real servers of a cluster, and of those that are not there. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBed } from '../../support/bed.ts'
import { freePorts } from '../../support/ports.ts'
import { needCluster } from '../../support/real-parts.ts'
import { chasqui, chasquiJson } from './chasqui.ts'

test('the database with its tables, and the brokers', needCluster(), async (context) => {
  const bed = await openBed(context)
  const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
  const nobody = `amqp://guest:hunter2@127.0.0.1:${await freePorts()}`
  const check = async (args: readonly string[]) => {
    const all = await chasquiJson(
      ['check', '--engine', 'cluster', '--connect', 'chasqui://127.0.0.1:1', ...args],
      {
        code: 1,
      },
    )
    const found = all.filter(({ what }) => what === 'database' || what === 'broker')
    return found.map(({ what, level, text }) => `${what} ${level} ${text}`)
  }
  const servers = ['--database-url', databaseUrl, '--amqp-url', amqpUrl]
  const [fresh, broker] = await check(servers)
  assert.match(
    fresh!,
    /^database ok PostgreSQL \d+(\.\d+)?; there are no tables yet: the next distributor brings/,
  )
  assert.match(broker!, /^broker ok RabbitMQ \d+\.\d+\.\d+ at amqps?:\/\/127\.0\.0\.1:\d+/)
  const [unmigrated] = await check([...servers, '--migrate', 'never'])
  assert.match(unmigrated!, /^database problem .* there are no tables yet: run `chasqui migrate`$/)
  assert.equal((await chasqui(['migrate', '--database-url', databaseUrl])).code, 0)
  const [migrated, ...others] = await check([
    '--database-url',
    databaseUrl,
    '--amqp-url',
    `${nobody},${amqpUrl}`,
  ])
  assert.match(migrated!, /^database ok PostgreSQL .*; its tables have version \d+$/)
  assert.match(others[0]!, /^broker problem the broker at .* cannot be reached: nothing listens there\.$/)
  assert.match(others[1]!, /^broker ok RabbitMQ /)
  assert.doesNotMatch(others.join(), /hunter2/)
  assert.deepEqual(await check([]), [
    'database problem the cluster engine needs --database-url',
    'broker problem the cluster engine needs --amqp-url',
  ])
})
