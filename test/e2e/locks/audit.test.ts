/** The audit log where it is kept: in PostgreSQL, through a server that goes away; and what the commands write and read of it. */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openAudit } from '../../../src/app/audit-log.ts'
import type { AuditLine } from '../../../src/engine/audit.ts'
import { openClusterAudit } from '../../../src/engine/cluster/cluster-audit.ts'
import { systemClock } from '../../../src/task/clock.ts'
import { AUDIT_BYTES_WAITING_MAX, AUDIT_RETENTION_MS } from '../../../src/task/limits.ts'
import { openLog } from '../../../src/telemetry/log.ts'
import { openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { fileScope } from '../../support/file-scope.ts'
import { openPostgreSql, type PostgreSql } from '../../support/postgresql.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, startServer } from '../cli/chasqui.ts'

const DEADLINE_MS = 60_000
const postgresql = needPostgreSql()
const cluster = [postgresql, needRabbitMq()].find(({ skip }) => skip !== false) ?? postgresql

const files = fileScope()
let shared: Promise<PostgreSql> | null = null

/** One of this file's own, for it is killed and stopped. */
function ownServer(): Promise<PostgreSql> {
  shared ??= openPostgreSql(files)
  return shared
}

async function openOn(t: TestContext, databaseUrl: string) {
  const logged: string[] = []
  const log = openLog({ level: 'warn', format: 'json', out: { write: (line) => logged.push(line) } })
  const settings = {
    audit: undefined,
    engine: 'cluster',
    databaseUrl,
    migrate: 'auto' as const,
    auditRetentionMs: AUDIT_RETENTION_MS,
  }
  const audit = (await openAudit(settings, log, systemClock))!
  const store = await openClusterAudit({ databaseUrl, migrate: false })
  atEnd(t, () => store.close())
  atEnd(t, () => audit.close())
  const all = () => store.find({ limit: 1_000_000 })
  return { audit, store, logged, all }
}

const entry = (id: string, more: Partial<AuditLine> = {}) =>
  ({ result: 'allowed', act: 'task.cancel', who: 'ana', from: '10.0.0.7', ids: [id], ...more }) as const

test(
  'lines wait for a database that is away, and are there once and in order when it is back',
  postgresql,
  async (t) => {
    const server = await ownServer()
    const { audit, logged, all } = await openOn(t, await server.createDatabase('away'))
    for (let n = 0; n < 700; n++) audit.record(entry(`before-${n}`))
    await server.kill()
    for (let n = 0; n < 700; n++) audit.record(entry(`after-${n}`))
    await server.start()
    await eventually('all lines', async () => (await all().catch(() => [])).length >= 1_400, DEADLINE_MS)
    const expected = ['before', 'after'].flatMap((when) =>
      Array.from({ length: 700 }, (_, n) => `${when}-${n}`),
    )
    assert.deepEqual(
      (await all()).map(({ ids }) => ids![0]),
      expected,
    )
    assert.ok(!logged.some((line) => line.includes('audit.lost')), logged.join(''))
  },
)

test(
  'what does not fit while the database is away is counted, and the next line says how many',
  postgresql,
  async (t) => {
    const server = await ownServer()
    const { audit, logged, all } = await openOn(t, await server.createDatabase('full'))
    audit.record(entry('first'))
    await eventually('the first', async () => (await all()).length === 1, DEADLINE_MS)
    await server.stop()
    const long = randomBytes(500_000).toString('hex')
    const fit = Math.floor(AUDIT_BYTES_WAITING_MAX / JSON.stringify(entry(long)).length) - 1
    for (let n = 0; n < fit + 5; n++) audit.record(entry(`${n}-${long}`))
    assert.ok(logged.some((line) => line.includes('audit.lost')))
    await server.start()
    await eventually('those that fit', async () => (await all().catch(() => [])).length > fit, DEADLINE_MS)
    const kept = (await all()).length
    audit.record(entry('last'))
    await eventually('the last', async () => (await all()).length === kept + 1, DEADLINE_MS)
    const [last] = (await all()).slice(-1)
    assert.deepEqual([last!.ids, last!.lostBefore], [['last'], fit + 5 - (kept - 1)])
  },
)

test(
  'the table refuses to change, forget and empty, but for what is older than it is to be kept',
  postgresql,
  async (t) => {
    const server = await ownServer()
    const { store, all } = await openOn(t, await server.createDatabase('kept'))
    const at = (day: number) => new Date(Date.UTC(2026, 0, day)).toISOString()
    await store.append(Array.from({ length: 9 }, (_, n) => ({ ...entry(`day-${n + 1}`), at: at(n + 1) })))
    for (const statement of [
      `update chasqui.audit set who = 'somebody else'`,
      'delete from chasqui.audit',
      'truncate chasqui.audit',
    ])
      await assert.rejects(server.psql(statement, 'kept'), /only added to/)
    assert.equal((await all()).length, 9)
    await store.purge(Date.parse(at(4)))
    assert.deepEqual(
      (await all()).map(({ ids }) => ids![0]),
      ['day-4', 'day-5', 'day-6', 'day-7', 'day-8', 'day-9'],
    )
  },
)

test('two distributors of a cluster write into one table, and the command finds what it is asked for', {
  skip: cluster.skip,
}, async (t) => {
  const bed = await openBed(t)
  const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
  const tokens = join(temporaryFolder(t, 'audit'), 'tokens.json')
  const table = ['--engine', 'cluster', '--database-url', databaseUrl]
  const [root] = await chasquiJson([
    'token',
    'create',
    'root',
    '--roles',
    'admin',
    '--tokens',
    tokens,
    ...table,
  ])
  const [ana] = await chasquiJson([
    'token',
    'create',
    'ana',
    '--roles',
    'viewer',
    '--tokens',
    tokens,
    ...table,
  ])
  const start = () => startServer(t, ['distributor', ...table, '--amqp-url', amqpUrl, '--tokens', tokens])
  const [first, second] = await Promise.all([start(), start()])
  const as = (made: Record<string, unknown> | undefined) => ({ env: { CHASQUI_TOKEN: String(made!.token) } })
  const secret = 'PLANTED-PAYLOAD-77aa'
  await chasquiJson(['submit', 'eco', JSON.stringify(secret), '--id', 'a', ...first.connect], as(root))
  await chasquiJson(['cancel', 'a', ...first.connect], as(root))
  assert.equal((await chasqui(['cancel', 'a', ...second.connect], as(ana))).code, 1)
  await chasquiJson(['token', 'revoke', 'ana', '--tokens', tokens, ...table])
  const find = (...args: readonly string[]) => chasquiJson<AuditLine>(['audit', ...table, ...args])
  const facts = (lines: readonly AuditLine[]) =>
    lines.map(({ act, who, result }) => `${who} ${act} ${result}`)
  const store = await openClusterAudit({ databaseUrl, migrate: false })
  atEnd(t, () => store.close())
  // Each distributor also says that it has read the tokens again.
  const isOfPeople = ({ act }: AuditLine) => act !== 'tokens.changed' && act !== 'session'
  const lines = async () => (await store.find({ limit: 1_000 })).filter(isOfPeople)
  await eventually('all is written', async () => (await lines()).length >= 5, DEADLINE_MS)
  const user = (await lines())[0]!.who
  assert.match(user, /^user ./)
  assert.deepEqual(facts(await lines()), [
    `${user} token.create allowed`,
    `${user} token.create allowed`,
    'root task.cancel allowed',
    'ana task.cancel refused',
    `${user} token.revoke allowed`,
  ])
  const refused = ['ana task.cancel refused']
  assert.deepEqual(facts(await find('--who', 'ana', '--act', 'task.cancel', '--result', 'refused')), refused)
  assert.deepEqual(facts(await store.find({ id: 'a', limit: 9 })), ['root task.cancel allowed'])
  assert.deepEqual(await store.find({ sinceMs: Date.now() + 60_000, limit: 9 }), [])
  assert.equal((await store.find({ limit: 2 })).length, 2)
  for (const text of [secret, String(root!.token).slice(-43), String(ana!.token).slice(-43)])
    assert.ok(!JSON.stringify(await find()).includes(text))
})

test('the commands write what they did to the tokens into the file, and read files that were torn', async (t) => {
  const folder = temporaryFolder(t, 'audit')
  const [audit, tokens] = [join(folder, 'audit.ndjson'), join(folder, 'tokens.json')]
  const token = (...args: readonly string[]) =>
    chasqui(['token', ...args, '--tokens', tokens, '--audit', audit])
  const made = await token(
    'create',
    'root',
    '--roles',
    'admin',
    '--stored-bytes',
    '1MiB',
    '--tasks-per-second',
    '5',
  )
  assert.equal((await token('create', 'root', '--roles', 'admin')).code, 2)
  assert.equal((await token('revoke', 'root')).code, 0)
  appendFileSync(audit, '{"at":"2026-01-31T12:0')
  const lines = await chasquiJson<AuditLine>(['audit', '--audit', audit])
  assert.deepEqual(
    lines.map(({ act, result, from }) => [act, result, from]),
    [
      ['token.create', 'allowed', 'local'],
      ['token.revoke', 'allowed', 'local'],
    ],
  )
  assert.match(String(lines[0]!.details!.token), /^root \(/)
  assert.deepEqual(lines[0]!.details!.roles, ['admin'])
  assert.deepEqual(lines[0]!.details!.limits, { tasksPerSecond: 5, storedBytes: 1_048_576 })
  assert.ok(!readFileSync(audit, 'utf8').includes(made.stdout.trim().slice(-43)))
  const shown = await chasqui(['audit', '--audit', audit, '--act', 'token.revoke'])
  assert.match(shown.stdout, /^at +result +act +who +from +what\n.*token\.revoke.*local/)
  assert.match((await chasqui(['audit'])).stderr, /which audit log\? Give --audit FILE, or --engine cluster/)
  const nowhere = await chasqui([
    'token',
    'create',
    'late',
    '--roles',
    'admin',
    '--tokens',
    tokens,
    '--audit',
    join(folder, 'no', 'where'),
  ])
  assert.match(nowhere.stderr, /--audit .* cannot be written to/)
  assert.deepEqual(await chasquiJson(['token', 'list', '--tokens', tokens]), [])
})
