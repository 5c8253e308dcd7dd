/** deploy/nginx/nginx.conf as it is, in front of two real distributors. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { needNginxStream } from '../../support/real-parts.ts'
import { type DeployedNginx, deployNginx } from './balancers.ts'
import { makeCertificate } from './certificate.ts'
import {
  connectFrom,
  eventsOf,
  eventuallySo,
  type Front,
  reloadUnnoticed,
  startFront,
  whereAbouts,
} from './parts.ts'

const { skip } = needNginxStream()

interface Stage {
  readonly a: Front
  readonly b: Front
  readonly nginx: DeployedNginx
  readonly ca: string
}

async function open(context: TestContext): Promise<Stage> {
  const certificate = await makeCertificate(context)
  const [a, b] = await Promise.all([startFront(context), startFront(context)])
  const nginx = await deployNginx(context, { plain: [a.port, b.port], certificate })
  return { a, b, nginx, ca: certificate.ca }
}

test('connections are spread over both distributors, and both know the address of the client', {
  skip,
}, async (context) => {
  const { a, b, nginx } = await open(context)
  const counts = new Map<number, number>()
  for (let number = 0; number < 6; number++) {
    const client = await connectFrom(context, { port: nginx.doors.plain, from: `127.0.0.${10 + number}` })
    const { pid, peer } = await whereAbouts(client)
    assert.equal(peer, `127.0.0.${10 + number}`)
    counts.set(pid, (counts.get(pid) ?? 0) + 1)
  }
  assert.deepEqual([counts.get(a.pid), counts.get(b.pid)], [3, 3])
})

test('a bare client that ends its side has its confirmation', { skip }, async (context) => {
  const { nginx } = await open(context)
  const client = await connectFrom(context, { port: nginx.doors.plain, from: '127.0.0.9' })
  client.send('{"id":1,"type":"sumar","data":[5,7]}')
  client.end()
  assert.equal((await client.next()).payload.id, '1')
  await client.closed()
})

test('TLS that ends at the balancer arrives with the address of the client', { skip }, async (context) => {
  const { nginx, ca } = await open(context)
  const client = await connectFrom(context, { port: nginx.doors.tls, from: '127.0.0.9', ca })
  assert.equal((await whereAbouts(client)).peer, '127.0.0.9')
})

test('a distributor that is killed costs no client a connection, and comes back', {
  skip,
}, async (context) => {
  const { a, b, nginx } = await open(context)
  await a.kill('SIGKILL')
  for (let number = 0; number < 4; number++) {
    const client = await connectFrom(context, { port: nginx.doors.plain, from: '127.0.0.9' })
    assert.equal((await whereAbouts(client)).pid, b.pid)
  }
  const again = await startFront(context, undefined, { port: a.port })
  await eventuallySo('it is used again', async () => {
    const client = await connectFrom(context, { port: nginx.doors.plain, from: '127.0.0.9' })
    return (await whereAbouts(client)).pid === again.pid
  })
})

test('a distributor that is taken out keeps its connections and gets no new ones', {
  skip,
}, async (context) => {
  const { a, b, nginx } = await open(context)
  const clients = await Promise.all(
    [1, 2].map(() => connectFrom(context, { port: nginx.doors.plain, from: '127.0.0.9' })),
  )
  const pids = await Promise.all(clients.map(async (client) => (await whereAbouts(client)).pid))
  assert.deepEqual(new Set(pids), new Set([a.pid, b.pid]))
  await nginx.takeOut('a')
  for (let number = 0; number < 4; number++) {
    const client = await connectFrom(context, { port: nginx.doors.plain, from: '127.0.0.9' })
    assert.equal((await whereAbouts(client)).pid, b.pid)
  }
  for (const [index, client] of clients.entries()) assert.equal((await whereAbouts(client)).pid, pids[index])
})

test('a reload loses no connection and refuses none', { skip }, async (context) => {
  const { nginx } = await open(context)
  await reloadUnnoticed(context, nginx.doors.plain, () => nginx.nginx.reload())
})

test('connections that nobody finished leave nothing in the log of a distributor', {
  skip,
}, async (context) => {
  const { a, b, nginx } = await open(context)
  for (let number = 0; number < 4; number++) {
    const client = await connectFrom(context, { port: nginx.doors.plain, from: '127.0.0.9' })
    client.socket.resetAndDestroy()
  }
  const last = await connectFrom(context, { port: nginx.doors.plain, from: '127.0.0.9' })
  await eventuallySo(
    'only the last is there',
    async () => (await last.ask('system.stats')).server.connections === 1,
  )
  for (const front of [a, b]) assert.deepEqual(eventsOf(front), ['distributor.listening'])
})

test('TLS that is passed through ends at the distributor, which knows the address of the client', {
  skip,
}, async (context) => {
  const certificate = await makeCertificate(context)
  const flags = ['--engine', 'memory', '--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile]
  const [a, b] = await Promise.all([startFront(context, flags), startFront(context, flags)])
  const nginx = await deployNginx(context, { plain: [1, 1], tls: [a.port, b.port], certificate })
  const { passthrough } = nginx.doors
  const pids = new Set<number>()
  for (let number = 0; number < 4; number++) {
    const client = await connectFrom(context, { port: passthrough, from: '127.0.0.9', ca: certificate.ca })
    const { pid, peer } = await whereAbouts(client)
    assert.equal(peer, '127.0.0.9')
    pids.add(pid)
  }
  assert.deepEqual(pids, new Set([a.pid, b.pid]))
  await using library = await connect(`chasquis://localhost:${passthrough}`, { tls: { ca: certificate.ca } })
  const handle = await library.submit('sumar', [5, 7])
  assert.equal(handle.receipt?.state, 'queued')
})
