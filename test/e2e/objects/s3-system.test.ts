/** The whole system with its documents in S3, through the commands. */

import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { ObjectStore } from '../../../src/objects/object-store.ts'
import { documentName } from '../../../src/task/ids.ts'
import { DOCUMENT_DRAIN_MS, S3_CLOSE_MS } from '../../../src/task/limits.ts'
import { fileScope } from '../../support/file-scope.ts'
import { needRadosgw } from '../../support/real-parts.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, startServer, startUp } from '../cli/chasqui.ts'
import { openStore, S3World } from './s3-world.ts'

const DEADLINE_MS = 45_000
/** Beyond what documents and the store have, on a busy machine. */
const STOP_MARGIN_MS = 15_000
const WRONG_SECRET = 'this-is-not-the-secret'

const { skip } = needRadosgw()
const scope = fileScope()
let s3: S3World

before(async () => {
  if (skip === false) s3 = await S3World.open(scope)
})

const system = (name: string, run: (context: TestContext, world: S3World) => Promise<void>) =>
  test(name, { skip }, (context) => run(context, s3))

const reader = async (context: TestContext, place: string): Promise<ObjectStore> => {
  const store = await openStore(place)
  atEnd(context, () => store.close())
  return store
}

system('each result is a document task_<id>.json in the bucket', async (context, s3) => {
  const place = s3.place(await s3.bucket(context), { prefix: '/results' })
  const up = await startUp(context, { args: ['--objects', place] })
  for (const [id, data] of [
    ['one', '[5,7]'],
    ['../two/ñ', '[2,3]'],
  ] as const) {
    await chasquiJson(['submit', 'sumar', data, '--id', id, '--wait', ...up.connect])
  }
  const store = await reader(context, place)
  const one = await documentOf(store, 'one')
  assert.deepEqual([one.id, one.type, one.state, one.result], ['one', 'sumar', 'succeeded', 12])
  assert.equal((await documentOf(store, '../two/ñ')).result, 5)
  await up.kill('SIGTERM')
})

system('while S3 is down tasks go on, and the documents are written when it is back', async (context, s3) => {
  const proxy = await s3.proxy(context)
  const bucket = await s3.bucket(context)
  const up = await startUp(context, { args: ['--objects', s3.place(bucket, { port: proxy.port })] })
  proxy.mode = 'refuse'
  proxy.reset()
  const [submitted] = await chasquiJson([
    'submit',
    'sumar',
    '[5,7]',
    '--id',
    'meanwhile',
    '--wait',
    ...up.connect,
  ])
  assert.ok(submitted !== undefined)
  const store = await reader(context, s3.place(bucket))
  assert.equal(await store.get(documentName('meanwhile')), null)
  proxy.mode = 'up'
  assert.equal((await documentOf(store, 'meanwhile')).result, 12)
  await up.kill('SIGTERM')
})

system(
  'while S3 says nothing a server still stops, and the documents are written after the next start',
  async (context, s3) => {
    const proxy = await s3.proxy(context)
    const bucket = await s3.bucket(context)
    const folder = temporaryFolder(context, 'engine')
    const start = (port?: number) =>
      startServer(context, [
        ...['up', '--workers', '1', '--drain', '500ms', '--engine', `embedded:${folder}`],
        ...['--objects', s3.place(bucket, port === undefined ? {} : { port })],
      ])
    const first = await start(proxy.port)
    proxy.mode = 'blackhole'
    proxy.reset()
    await chasquiJson(['submit', 'sumar', '[5,7]', '--id', 'later', '--wait', ...first.connect])
    const startedMs = Date.now()
    await first.kill('SIGTERM')
    assert.ok(Date.now() - startedMs < DOCUMENT_DRAIN_MS + S3_CLOSE_MS + STOP_MARGIN_MS)
    assert.deepEqual(await first.exited, { code: 0, signal: null })
    const store = await reader(context, s3.place(bucket))
    assert.equal(await store.get(documentName('later')), null)
    const second = await start()
    assert.equal((await documentOf(store, 'later')).result, 12)
    await second.kill('SIGTERM')
  },
)

system(
  'a server that cannot use its bucket does not start, and says why in one sentence',
  async (context, s3) => {
    const bucket = await s3.bucket(context)
    const folder = temporaryFolder(context, 'engine')
    const start = (place: string, env = {}) =>
      chasqui(['distributor', '--port', '0', '--engine', `embedded:${folder}`, '--objects', place], { env })
    const missing = await start(s3.place('there-is-no-such-bucket'))
    const forged = await start(s3.place(bucket), { AWS_SECRET_ACCESS_KEY: WRONG_SECRET })
    const inside = await start(`s3://${s3.owner.accessKey}:${WRONG_SECRET}@${bucket}`)
    const sentences = [missing, forged, inside].map(({ code, stdout, stderr }) => {
      assert.equal(code, 1, stderr)
      assert.equal(stdout, '')
      assert.equal(stderr.trim().split('\n').length, 1, stderr)
      assert.ok(!stderr.includes(WRONG_SECRET), stderr)
      return stderr
    })
    assert.match(sentences[0]!, /there-is-no-such-bucket at http:\S+ does not exist/)
    assert.match(sentences[1]!, /the secret key does not belong to the access key/)
    assert.match(sentences[2]!, /--objects must not hold credentials/)
  },
)

system('chasqui check tries the bucket out, and leaves nothing there', async (context, s3) => {
  const place = s3.place(await s3.bucket(context))
  const check = async (env = {}) => {
    const { stdout } = await chasqui(
      [
        'check',
        '--json',
        '--objects',
        place,
        '--connect',
        'chasqui://127.0.0.1:1',
        '--connect-timeout',
        '100ms',
      ],
      { env },
    )
    const findings = stdout.split('\n').filter((line) => line !== '')
    return findings.map((line) => JSON.parse(line)).find(({ what }) => what === 'objects')
  }
  assert.deepEqual(await check(), {
    what: 'objects',
    level: 'ok',
    text: `${place} can be listed, written, read and deleted`,
  })
  const forged = await check({ AWS_SECRET_ACCESS_KEY: WRONG_SECRET })
  assert.equal(forged.level, 'problem')
  assert.match(forged.text, /the secret key does not belong to the access key/)
  const store = await reader(context, place)
  for await (const { key } of store.list()) assert.fail(`${key} was left`)
})

async function documentOf(store: ObjectStore, id: string): Promise<Record<string, unknown>> {
  const untilMs = Date.now() + DEADLINE_MS
  for (;;) {
    const body = await store.get(documentName(id))
    if (body !== null) return JSON.parse(body.toString())
    assert.ok(Date.now() < untilMs, `no document of ${id}`)
    await delay(50)
  }
}
