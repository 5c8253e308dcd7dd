/**
 * The shared servers of a test run, as a test file sees them: real RabbitMQ, PostgreSQL and S3, started when the first file asks, with a virtual
 * host, databases and buckets that are this file's alone. A file that stops or breaks a server opens one of its own instead
 * (`openRabbitMq`, `openPostgreSql`).
 *
 * Under `npm test` the bed is a process of the whole run; a file run by itself starts one that ends with it.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { atEnd, type Scope } from './temporary.ts'

const CONNECT_DEADLINE_MS = 30_000
const LOOK_MS = 20

export interface BedRequest {
  readonly id: number
  readonly ask: 'database' | 'amqp' | 'objects'
}

export type BedAnswer =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly error: string }

/** A bucket, and what a process needs in its environment to use it. */
export interface Bucket {
  /** `s3://BUCKET?endpoint=http://127.0.0.1:PORT` */
  readonly objects: string
  readonly env: {
    readonly AWS_ACCESS_KEY_ID: string
    readonly AWS_SECRET_ACCESS_KEY: string
    readonly AWS_REGION: string
  }
}

export interface BedCluster extends Bucket {
  readonly databaseUrl: string
  readonly amqpUrl: string
}

/** Each call gives something new and empty; all of it goes when the scope of `openBed` ends. */
export interface Bed {
  /** The URL of an empty PostgreSQL database. */
  database(): Promise<string>
  /** The URL of an empty virtual host in RabbitMQ. */
  amqp(): Promise<string>
  /** An empty bucket. */
  objects(): Promise<Bucket>
  /** All three. */
  cluster(): Promise<BedCluster>
}

/** For a whole file make the scope at its top: `const bed = await openBed(fileScope())`. */
export async function openBed(scope: Scope): Promise<Bed> {
  const socket = await connected(bedSocket())
  atEnd(scope, () => socket.destroy())
  const waiting = new Map<number, (answer: BedAnswer) => void>()
  const settle = (answer: BedAnswer) => {
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
    // A file that forgets its scope still ends.
    if (waiting.size === 0) socket.unref()
  }
  // An error is followed by close, which tells those who wait.
  const ignore = () => undefined
  const lines = createInterface({ input: socket.on('error', ignore) }).on('error', ignore)
  lines.on('line', (line) => settle(JSON.parse(line) as BedAnswer))
  socket.once('close', () => {
    for (const id of waiting.keys()) settle({ id, error: 'the test bed ended' })
  })
  socket.unref()
  let ids = 0
  const ask = async (what: BedRequest['ask']): Promise<unknown> => {
    const request: BedRequest = { id: ++ids, ask: what }
    socket.ref()
    const answer = await new Promise<BedAnswer>((resolve) => {
      waiting.set(request.id, resolve)
      socket.write(`${JSON.stringify(request)}\n`)
    })
    if ('error' in answer) throw new Error(`the test bed has no ${what}: ${answer.error}`)
    return answer.answer
  }
  const bed: Bed = {
    database: async () => (await ask('database')) as string,
    amqp: async () => (await ask('amqp')) as string,
    objects: async () => (await ask('objects')) as Bucket,
    cluster: async () => {
      const [databaseUrl, amqpUrl, bucket] = await Promise.all([bed.database(), bed.amqp(), bed.objects()])
      return { databaseUrl, amqpUrl, ...bucket }
    },
  }
  return bed
}

let ownSocket: string | undefined

/** The bed of the run, or one of this process' own. */
function bedSocket(): string {
  const shared = process.env.CHASQUI_TEST_BED
  if (shared !== undefined) return shared
  ownSocket ??= join(startBed(), 'bed.sock')
  return ownSocket
}

/** Its standard input is open as long as this process lives. A group of its own, so that it can clean up when this group is killed. */
function startBed(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chasqui-bed-'))
  const child = spawn(process.execPath, [join(import.meta.dirname, 'bed-process.ts'), folder], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  })
  child.unref()
  ;(child.stdin as net.Socket).unref()
  return folder
}

async function connected(path: string): Promise<net.Socket> {
  const untilMs = Date.now() + CONNECT_DEADLINE_MS
  for (;;) {
    const socket = net.connect(path)
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      if (Date.now() > untilMs) throw new Error('the test bed does not answer', { cause: error })
      await delay(LOOK_MS)
    }
  }
}
