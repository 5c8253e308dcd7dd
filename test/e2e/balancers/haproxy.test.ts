/** deploy/haproxy/haproxy.cfg as it is, in front of two real distributors. */

import assert from 'node:assert/strict'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { needHaproxy } from '../../support/real-parts.ts'
import { type DeployedHaproxy, deployHaproxy } from './balancers.ts'
import { makeCertificate } from './certificate.ts'
import { connectFrom, eventsOf, type Front, reloadUnnoticed, startFront, whereAbouts } from './parts.ts'

const { skip } = needHaproxy()

interface Stage {
  readonly a: Front
  readonly b: Front
  readonly haproxy: DeployedHaproxy
  readonly ca: string
}

async function open(context: TestContext, flags?: readonly string[]): Promise<Stage> {
  const certificate = await makeCertificate(context)
  const [a, b] = await Promise.all([startFront(context, flags), startFront(context, flags)])
  const haproxy = await deployHaproxy(context, { plain: [a.port, b.port], certificate })
  await Promise.all([haproxy.until('a', 'UP'), haproxy.until('b', 'UP')])
  return { a, b, haproxy, ca: certificate.ca }
}

test('connections are spread over both distributors, and both know the address of the client', {
  skip,
}, async (context) => {
  const { a, b, haproxy } = await open(context)
  const counts = new Map<number, number>()
  for (let number = 0; number < 6; number++) {
    const client = await connectFrom(context, { port: haproxy.doors.plain, from: `127.0.0.${10 + number}` })
    const { pid, peer } = await whereAbouts(client)
    assert.equal(peer, `127.0.0.${10 + number}`)
    counts.set(pid, (counts.get(pid) ?? 0) + 1)
  }
  assert.deepEqual(
    new Map([...counts].sort()),
    new Map(
      [
        [a.pid, 3],
        [b.pid, 3],
      ].sort() as [number, number][],
    ),
  )
})

test('a bare client that ends its side has its confirmation', { skip }, async (context) => {
  const { haproxy } = await open(context)
  const client = await connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })
  client.send('{"id":1,"type":"sumar","data":[5,7]}')
  client.end()
  assert.equal((await client.next()).payload.id, '1')
  await client.closed()
})

test('TLS that ends at the balancer arrives with the address of the client', { skip }, async (context) => {
  const { haproxy, ca } = await open(context)
  const client = await connectFrom(context, { port: haproxy.doors.tls, from: '127.0.0.9', ca })
  assert.equal((await whereAbouts(client)).peer, '127.0.0.9')
})

test('health checks leave nothing in the log of a distributor', { skip }, async (context) => {
  const { a, haproxy } = await open(context)
  const checks = async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${haproxy.metrics}/metrics`)).text()
    return Number(
      /haproxy_server_check_duration_seconds\{proxy="distributors",server="a"\} (.*)/.exec(metrics)?.[1] ??
        -1,
    )
  }
  assert.ok((await checks()) >= 0, 'the metrics tell of the check')
  // Two changes of state make sure that checks went on in between.
  a.child.kill('SIGSTOP')
  await haproxy.until('a', 'DOWN')
  a.child.kill('SIGCONT')
  await haproxy.until('a', 'UP')
  assert.deepEqual(eventsOf(a), ['distributor.listening'])
})

test('a distributor that is killed leaves the rotation, and comes back', { skip }, async (context) => {
  const { a, b, haproxy } = await open(context)
  await a.kill('SIGKILL')
  for (let number = 0; number < 4; number++) {
    const client = await connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })
    assert.equal((await whereAbouts(client)).pid, b.pid, 'before and after the balancer has noticed')
  }
  await haproxy.until('a', 'DOWN')
  const again = await startFront(context, undefined, { port: a.port })
  await haproxy.until('a', 'UP')
  const client = await connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })
  assert.equal((await whereAbouts(client)).pid, again.pid, 'it has the fewest connections')
})

test('a distributor that is frozen loses its connections, so that their clients can go elsewhere', {
  skip,
}, async (context) => {
  const { a, b, haproxy } = await open(context)
  const first = await connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })
  const second = await connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })
  const firstPid = (await whereAbouts(first)).pid
  await whereAbouts(second)
  const [frozen, well] = firstPid === a.pid ? [a, b] : [b, a]
  frozen.child.kill('SIGSTOP')
  context.after(() => frozen.child.kill('SIGCONT'))
  await haproxy.until(frozen === a ? 'a' : 'b', 'DOWN')
  await first.ended()
  assert.equal((await whereAbouts(second)).pid, well.pid, 'the other one stays')
})

test('a distributor that is about to stop gets no new connections, and keeps those that it has until it stops', {
  skip,
}, async (context) => {
  const { a, b, haproxy } = await open(context, ['--engine', 'memory', '--drain-notice', '5s'])
  const clients = await Promise.all(
    [1, 2].map(() => connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })),
  )
  const pids = await Promise.all(clients.map(async (client) => (await whereAbouts(client)).pid))
  const old = clients[pids.indexOf(a.pid)]!
  a.child.kill('SIGTERM')
  await haproxy.until('a', 'NOLB')
  for (let number = 0; number < 4; number++) {
    const client = await connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })
    assert.equal((await whereAbouts(client)).pid, b.pid)
    client.destroy()
  }
  assert.equal((await old.ask('session.ping')).ready, false)
  assert.equal((await old.ask('task.submit', { tasks: [{ type: 'sumar' }] })).receipts[0].state, 'queued')
  await old.ended()
  old.end()
  assert.deepEqual(await a.exited, { code: 0, signal: null })
  assert.deepEqual(eventsOf(a), [
    'distributor.listening',
    'distributor.not-ready',
    'distributor.closing',
    'distributor.closed',
  ])
})

test('a distributor that does not trust the balancer is never used', { skip }, async (context) => {
  const certificate = await makeCertificate(context)
  const [a, b] = await Promise.all([
    startFront(context, undefined, {
      proxy: ['--proxy-protocol', 'required', '--proxy-trusted', '192.0.2.1'],
    }),
    startFront(context),
  ])
  const haproxy = await deployHaproxy(context, { plain: [a.port, b.port], certificate })
  await haproxy.until('b', 'UP')
  await haproxy.until('a', 'DOWN')
  const client = await connectFrom(context, { port: haproxy.doors.plain, from: '127.0.0.9' })
  assert.equal((await whereAbouts(client)).pid, b.pid)
})

test('a reload loses no connection and refuses none', { skip }, async (context) => {
  const { haproxy } = await open(context)
  await reloadUnnoticed(context, haproxy.doors.plain, () => haproxy.haproxy.reload())
})

test('metrics and states are there for whoever is on the machine', { skip }, async (context) => {
  const { haproxy } = await open(context)
  const metrics = await (await fetch(`http://127.0.0.1:${haproxy.metrics}/metrics`)).text()
  for (const server of ['a', 'b']) {
    assert.match(
      metrics,
      new RegExp(`^haproxy_server_status\\{proxy="distributors",server="${server}",state="UP"\\} 1$`, 'm'),
    )
  }
  const page = await (await fetch(`http://127.0.0.1:${haproxy.metrics}/stats`)).text()
  assert.match(page, /distributors/)
  await assert.rejects(
    new Promise((_, reject) => net.connect(haproxy.metrics, '127.0.0.9').on('error', reject)),
  )
})

test('TLS that is passed through ends at the distributor, which knows the address of the client', {
  skip,
}, async (context) => {
  const certificate = await makeCertificate(context)
  const flags = ['--engine', 'memory', '--tls-cert', certificate.certFile, '--tls-key', certificate.keyFile]
  const [a, b] = await Promise.all([startFront(context, flags), startFront(context, flags)])
  const haproxy = await deployHaproxy(context, { plain: [1, 1], tls: [a.port, b.port], certificate })
  await Promise.all([
    haproxy.until('a', 'UP', 'distributors_tls'),
    haproxy.until('b', 'UP', 'distributors_tls'),
  ])
  const { passthrough } = haproxy.doors
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
  for (const front of [a, b]) {
    assert.deepEqual(
      eventsOf(front),
      ['distributor.listening', 'distributor.certificate'],
      'checks leave no trace',
    )
  }

  const plain = await connectFrom(context, { port: passthrough, from: '127.0.0.9' })
  plain.send('{"id":1,"type":"sumar"}\n')
  await plain.ended()
  assert.deepEqual(plain.lines, [], 'what is no TLS never gets to a distributor, which would answer')
  await a.kill('SIGKILL')
  await haproxy.until('a', 'DOWN', 'distributors_tls')
  const later = await connectFrom(context, { port: passthrough, from: '127.0.0.9', ca: certificate.ca })
  assert.equal((await whereAbouts(later)).pid, b.pid)
})
