/** The shared servers of a run: each file gets something of its own, and nothing outlives who asked for it. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { connect } from 'amqplib'
import { Client } from 'pg'
import { type Bucket, openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { processesOf } from '../../support/leftovers.ts'
import { needCluster, needPostgreSql } from '../../support/real-parts.ts'

test(
  'a cluster is a database, a virtual host and a bucket, all empty and all real',
  needCluster(),
  async (context) => {
    const bed = await openBed(context)
    const [one, other] = await Promise.all([bed.cluster(), bed.cluster()])
    assert.notEqual(one.databaseUrl, other.databaseUrl)
    assert.notEqual(one.amqpUrl, other.amqpUrl)
    assert.notEqual(one.objects, other.objects)

    await query(one.databaseUrl, 'create table number (value int)')
    await assert.rejects(query(other.databaseUrl, 'select * from number'), /does not exist/)

    const broker = await connect(one.amqpUrl)
    await (await broker.createChannel()).assertQueue('letters', { arguments: { 'x-queue-type': 'quorum' } })
    await broker.close()

    const { client, bucket } = clientOf(one)
    context.after(() => client.destroy())
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'task_1.json', Body: '42' }))
    const read = await client.send(new GetObjectCommand({ Bucket: bucket, Key: 'task_1.json' }))
    assert.equal(await read.Body!.transformToString(), '42')
    // The rules of the real thing: what exists is not overwritten, and a wrong key opens nothing.
    const again = new PutObjectCommand({ Bucket: bucket, Key: 'task_1.json', Body: '43', IfNoneMatch: '*' })
    await assert.rejects(client.send(again), { name: 'PreconditionFailed' })
    const stranger = clientOf({ ...one, env: { ...one.env, AWS_SECRET_ACCESS_KEY: 'wrong' } }).client
    context.after(() => stranger.destroy())
    await assert.rejects(stranger.send(new GetObjectCommand({ Bucket: bucket, Key: 'task_1.json' })), {
      name: 'SignatureDoesNotMatch',
    })
  },
)

test('what a file was given is gone when its scope ends', needPostgreSql(), async (context) => {
  const bed = await openBed(context)
  const undos: (() => Promise<void>)[] = []
  const other = await openBed({ after: (undo) => undos.push(undo) })
  const [kept, given] = [await bed.database(), await other.database()]
  const databases = async () => await query(kept, 'select datname from pg_database')
  const name = basename(given)
  assert.ok((await databases()).includes(name))
  for (const undo of undos) await undo()
  while ((await databases()).includes(name)) await new Promise((resolve) => setTimeout(resolve, 10))
})

test('the bed ends with who started it, servers and folder included', needPostgreSql(), async () => {
  for (const end of ['kill', 'close'] as const) {
    const folder = mkdtempSync(join(tmpdir(), 'chasqui-bed-'))
    const program = join(import.meta.dirname, '../../support/bed-process.ts')
    // Stands for a test run: it starts a bed, uses it, and is killed.
    const starter = `
      const { spawn } = require('node:child_process')
      spawn(process.execPath, [${JSON.stringify(program)}, ${JSON.stringify(folder)}], { stdio: ['pipe', 'ignore', 'inherit'], detached: true })
      setInterval(() => {}, 1000)`
    const run = spawn(process.execPath, ['-e', starter], { stdio: ['pipe', 'ignore', 'inherit'] })
    const asking = spawn(
      process.execPath,
      [
        '-e',
        `import(${JSON.stringify(join(import.meta.dirname, '../../support/bed.ts'))}).then(async ({ openBed }) => {
          const bed = await openBed({ after() {} })
          process.stdout.write(await bed.database())
          if (${end === 'kill'}) setInterval(() => {}, 1000)
        })`,
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, CHASQUI_TEST_BED: join(folder, 'bed.sock') },
      },
    )
    const asked = once(asking, 'exit')
    await once(asking.stdout!, 'data')
    assert.ok(processesOf(basename(folder)).some((line) => line.includes('postgres')))
    run.kill(end === 'kill' ? 'SIGKILL' : 'SIGTERM')
    await eventually('the folder is gone', () => !existsSync(folder))
    asking.kill('SIGKILL')
    await asked
    await eventually('the processes are gone', () => processesOf(basename(folder)).length === 0)
  }
})

async function query(url: string, sql: string): Promise<string> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return JSON.stringify((await client.query(sql)).rows)
  } finally {
    await client.end()
  }
}

function clientOf({ objects, env }: Bucket): { client: S3Client; bucket: string } {
  const url = new URL(objects)
  const client = new S3Client({
    endpoint: url.searchParams.get('endpoint')!,
    region: env.AWS_REGION,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  return { client, bucket: url.hostname }
}
