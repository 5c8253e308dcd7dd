/** The test bed's PostgreSQL: what it promises to the tests that rely on it. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { processesOf } from '../../support/leftovers.ts'
import { openPostgreSql } from '../../support/postgresql.ts'
import { needPostgreSql } from '../../support/real-parts.ts'

const { skip } = needPostgreSql()

test('a database keeps what was committed when the server is killed', { skip }, async (context) => {
  const server = await openPostgreSql(context)
  const url = await server.createDatabase('kept')
  assert.equal(url, server.url('kept'))
  await server.psql('create table number (value int); insert into number values (7), (35)', 'kept')
  await server.kill()
  await assert.rejects(server.psql('select 1', 'kept'))
  await server.start()
  assert.equal(await server.psql('select sum(value), count(*) from number', 'kept'), '42|2')
  assert.equal(await server.psql('show fsync'), 'on')
  assert.equal(await server.psql('show synchronous_commit'), 'on')
})

test('configuration of its own wins, and outlives a restart', { skip }, async (context) => {
  const server = await openPostgreSql(context, { configuration: ['max_connections = 17'] })
  await server.restart()
  assert.equal(await server.psql('show max_connections'), '17')
})

test('a synchronous standby takes over without a loss when the primary is killed', {
  skip,
}, async (context) => {
  const primary = await openPostgreSql(context)
  await primary.psql('create table number (value int)')
  const standby = await primary.openStandby({ synchronous: true })
  await primary.psql('insert into number values (1)')
  await assert.rejects(standby.psql('insert into number values (2)'), /read-only transaction/)
  await primary.kill()
  await standby.promote()
  await standby.psql('insert into number values (3)')
  assert.equal(await standby.psql('select array_agg(value order by value) from number'), '{1,3}')
})

test('nothing is left of it: no process, no folder', { skip }, async () => {
  const undos: (() => Promise<void>)[] = []
  const server = await openPostgreSql({ after: (undo) => undos.push(undo) })
  await server.openStandby()
  const name = basename(server.folder)
  assert.ok(processesOf(name).length >= 5, 'the postmaster and its processes are seen')
  for (const undo of undos) await undo()
  await eventually('its processes are gone', () => processesOf(name).length === 0)
  assert.equal(existsSync(server.folder), false)
})
