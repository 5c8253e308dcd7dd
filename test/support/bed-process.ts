/**
 * The test bed of one run: a process that starts RabbitMQ, PostgreSQL and an S3 gateway when the first test asks for them, and gives each test
 * file a virtual host, databases and buckets of its own in them. Its argument is the folder for everything; it listens on `bed.sock` there.
 *
 * Invariant: it ends with the process that started it, however that ends (its standard input closes then), and takes the servers and the
 * folder along. What a test file was given goes when the connection of that file ends.
 */

import { chmodSync, rmSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BedAnswer, BedRequest } from './bed.ts'
import { openPostgreSql } from './postgresql.ts'
import { openRabbitMq } from './rabbitmq.ts'
import { openRadosgw } from './radosgw.ts'
import type { Scope } from './temporary.ts'

type Undo = () => Promise<unknown>

const folder = process.argv[2]!
chmodSync(folder, 0o755)
// The servers put their folders here, so that one removal takes all.
process.env.TMPDIR = folder

const undos: Undo[] = []
const scope: Scope = { after: (undo) => undos.push(undo) }
const postgresql = once(() => openPostgreSql(scope))
const rabbitMq = once(() => openRabbitMq(scope))
const radosgw = once(() => openRadosgw(scope))
let names = 0

/** What can be asked for, each time anew. */
const gifts: Record<BedRequest['ask'], (undo: Undo[]) => Promise<unknown>> = {
  async database(undo) {
    const server = await postgresql()
    const name = `test_${++names}`
    undo.push(() => server.psql(`drop database "${name}" with (force)`))
    return await server.createDatabase(name)
  },
  async amqp(undo) {
    const server = await rabbitMq()
    const name = `test-${++names}`
    undo.push(() => server.deleteVirtualHost(name))
    return await server.addVirtualHost(name)
  },
  async objects() {
    // Buckets stay until the end: taking away what is in them takes longer than any test leaves time for.
    return await (await radosgw()).createBucket(`test-${++names}`)
  },
}

const server = net.createServer((socket) => {
  const undo: Undo[] = []
  // A file that is killed is no error here; readline tells of it once more.
  const ignore = () => undefined
  const lines = createInterface({ input: socket.on('error', ignore) }).on('error', ignore)
  lines.on('line', (line) => {
    const { id, ask } = JSON.parse(line) as BedRequest
    const say = (answer: BedAnswer) => socket.writable && socket.write(`${JSON.stringify(answer)}\n`)
    gifts[ask](undo).then(
      (answer) => say({ id, answer }),
      (error: Error) => say({ id, error: error.message }),
    )
  })
  socket.once('close', async () => {
    for (const step of undo) await step().catch(() => undefined)
  })
})
server.listen(join(folder, 'bed.sock'))

process.stdin.resume().once('end', () => void finish())
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void finish())
let finishing = false

/** What is only starting ends with this process (see Daemon), so nothing is waited for but the ends of what runs. */
async function finish(): Promise<void> {
  if (finishing) return
  finishing = true
  await Promise.allSettled(undos.map((undo) => undo()))
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.exit(0)
}

function once<Value>(open: () => Promise<Value>): () => Promise<Value> {
  let opened: Promise<Value> | undefined
  return () => {
    opened ??= open()
    return opened
  }
}
