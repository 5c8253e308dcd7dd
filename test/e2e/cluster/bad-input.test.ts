/**
 * A cluster that cannot be used as it was told: each mistake is one sentence on standard error and an exit code, at once; no stack, no password, no trying
 * again and again.
 */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import amqp from 'amqplib'
import { fileScope } from '../../support/file-scope.ts'
import { freePorts } from '../../support/ports.ts'
import { openPostgreSql, type PostgreSql } from '../../support/postgresql.ts'
import { openRabbitMq, type RabbitMq } from '../../support/rabbitmq.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'
import { chasqui } from '../cli/chasqui.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const scope = fileScope()
let postgresql: PostgreSql
let rabbitmq: RabbitMq
let unused: number

before(async () => {
  if (skip !== false) return
  ;[postgresql, rabbitmq, unused] = await Promise.all([
    openPostgreSql(scope),
    openRabbitMq(scope),
    freePorts(),
  ])
  for (const name of ['keeper', 'reader', 'writer'])
    await postgresql.psql(`create role ${name} login password 'topsecret'`)
  await postgresql.psql('create database ledger owner keeper')
  // Everybody was trusted up to here.
  await postgresql.psql("alter system set password_encryption = 'scram-sha-256'")
})

/** Where passwords are asked for. */
async function askForPasswords(): Promise<void> {
  const file = await postgresql.psql('show hba_file')
  await postgresql.psql(
    `copy (select 'host all postgres 127.0.0.1/32 trust' union all select 'host all all 127.0.0.1/32 scram-sha-256') to '${file}'`,
  )
  await postgresql.psql('select pg_reload_conf()')
}

function databaseUrl(user = 'keeper', database = 'ledger', password = 'topsecret'): string {
  return `postgres://${user}:${password}@127.0.0.1:${postgresql.port}/${database}`
}

interface Mistake {
  readonly database?: string
  readonly amqp?: string
  readonly flags?: readonly string[]
  readonly command?: readonly string[]
}

/** One sentence with these words; `code` as documented. */
async function isSaid(
  { database, amqp, flags = [], command = ['distributor', '--port', '0'] }: Mistake,
  sentence: RegExp,
  code = 1,
): Promise<void> {
  const beganMs = Date.now()
  const ended = await chasqui([
    ...[...command, '--engine', 'cluster', '--database-url', database ?? databaseUrl()],
    ...['--amqp-url', amqp ?? rabbitmq.url(), ...flags],
  ])
  const said = `${ended.stdout}${ended.stderr}`
  assert.match(ended.stderr, sentence)
  assert.equal(ended.stderr.trimEnd().split('\n').length, 1, `one sentence: ${ended.stderr}`)
  assert.doesNotMatch(said, /topsecret|guest:guest|\n\s+at /)
  assert.equal(ended.code, code, ended.stderr)
  assert.ok(Date.now() - beganMs < 30_000, 'it was said at once')
}

test('a database that is not there is named', { skip }, async () => {
  const dead = `postgres://keeper:topsecret@127.0.0.1:${unused}/ledger`
  await isSaid({ database: dead }, new RegExp(`nothing listens on 127\\.0\\.0\\.1:${unused}`))
  await isSaid(
    { database: 'postgres://keeper:topsecret@nowhere.invalid/ledger' },
    /nowhere\.invalid.*not known|no name server answers for the host of nowhere\.invalid/,
  )
  await isSaid(
    { database: dead, command: ['worker'] },
    new RegExp(`nothing listens on 127\\.0\\.0\\.1:${unused}`),
  )
})

test('a database URL that is none, and a database that was never made, are named', { skip }, async () => {
  await isSaid({ database: 'mysql://keeper:topsecret@127.0.0.1/ledger' }, /--database-url.*postgres:/, 2)
  await isSaid({ database: 'postgres://keeper:topsecret@[::1/ledger' }, /database URL cannot be used/)
  await isSaid({ database: databaseUrl('keeper', 'nothing') }, /no database nothing.*createdb/)
})

test('a wrong password and rights that are missing are said, in whatever the user may not do', {
  skip,
}, async () => {
  await askForPasswords()
  await isSaid(
    { database: databaseUrl('keeper', 'ledger', 'topsecret2') },
    /does not accept the login of keeper/,
  )
  await isSaid(
    { database: databaseUrl('reader') },
    /reader lacks a right.*permission denied for database ledger/,
  )
  const { code, stderr } = await chasqui(['migrate', '--database-url', databaseUrl('reader')])
  assert.equal(code, 1)
  assert.match(stderr, /^chasqui: reader lacks a right in the database: permission denied[^\n]*\n$/)
  assert.equal((await chasqui(['migrate', '--database-url', databaseUrl()])).code, 0)
  await isSaid(
    { database: databaseUrl('reader') },
    /reader lacks a right.*permission denied for schema chasqui/,
  )
  await postgresql.psql(
    'grant usage on schema chasqui to reader, writer; grant select on all tables in schema chasqui to reader',
    'ledger',
  )
  await isSaid({ database: databaseUrl('reader') }, /permission denied for table member/)
})

test('an older schema where nobody may migrate, and a newer one, are said', { skip }, async () => {
  await postgresql.psql('create database old owner keeper')
  await isSaid(
    { database: databaseUrl('keeper', 'old'), flags: ['--migrate', 'never'] },
    /has schema 0, this Chasqui needs \d+: run `chasqui migrate`/,
  )
  assert.equal((await chasqui(['migrate', '--database-url', databaseUrl('keeper', 'old')])).code, 0)
  await postgresql.psql("update chasqui.meta set value = '99' where name = 'schema'", 'old')
  await isSaid(
    { database: databaseUrl('keeper', 'old') },
    /written by a newer Chasqui \(schema 99, this one knows \d+\)/,
  )
  await isSaid(
    { database: databaseUrl('keeper', 'old'), flags: ['--migrate', 'never'] },
    /written by a newer Chasqui/,
  )
})

test('a broker that is not there, a wrong password, a wrong virtual host: each is said', {
  skip,
}, async () => {
  const at = `127.0.0.1:${rabbitmq.port}`
  await isSaid({ amqp: `amqp://guest:topsecret@127.0.0.1:${unused}` }, /nothing listens there/)
  await isSaid({ amqp: `amqp://guest:topsecret@${at}` }, /"guest": wrong name or password/)
  await isSaid({ amqp: `amqp://guest:guest@${at}/nowhere` }, /virtual host "nowhere"/)
  await isSaid({ amqp: `http://guest:topsecret@${at}` }, /amqp:\/\//)
})

test('queues of others under our names are said before anything is taken in', { skip }, async (context) => {
  const connection = await amqp.connect(rabbitmq.url())
  atEnd(context, () => connection.close())
  const channel = await connection.createChannel()
  for (const queue of ['mine.dead', 'mine.default']) {
    await channel.assertQueue(queue, { durable: true })
    await isSaid(
      { flags: ['--amqp-prefix', 'mine'] },
      new RegExp(`the queue "${queue}" exists with other arguments; delete it, or choose another prefix`),
    )
    await channel.deleteQueue(queue)
  }
  // It left nothing behind that says it lives.
  const members = await postgresql.psql('select count(*) from chasqui.member where not closed', 'ledger')
  assert.equal(members, '0')
})
