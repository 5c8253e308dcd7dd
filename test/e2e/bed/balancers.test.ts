/** The test bed's balancers: what they promise to the tests of `deploy/`. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import net from 'node:net'
import { basename } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { openHaproxy } from '../../support/haproxy.ts'
import { processesOf } from '../../support/leftovers.ts'
import { openNginx } from '../../support/nginx.ts'
import { freePorts } from '../../support/ports.ts'
import { needHaproxy, needNginxStream } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'

const HAPROXY = `
defaults
    mode tcp
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:FRONT
    default_backend back
backend back
    server a 127.0.0.1:BACK
`
const NGINX = `
events { worker_connections 64; }
stream {
  server { listen 127.0.0.1:FRONT; proxy_pass 127.0.0.1:BACK; }
}
`

for (const { name, need, open, configuration } of [
  { name: 'HAProxy', need: needHaproxy(), open: openHaproxy, configuration: HAPROXY },
  { name: 'nginx', need: needNginxStream(), open: openNginx, configuration: NGINX },
]) {
  test(`${name} passes on, and reloads without cutting a connection`, need, async (context) => {
    const [one, two] = [await openEcho(context, 'one'), await openEcho(context, 'two')]
    const front = await freePorts()
    const to = (back: number) => ({ configuration, replacements: { FRONT: `${front}`, BACK: `${back}` } })
    const balancer = await open(context, to(one))
    const before = await dial(context, front)
    assert.equal(await before.ask('hello'), 'one: hello')
    balancer.configure(to(two))
    await balancer.reload()
    assert.equal(await (await dial(context, front)).ask('hello'), 'two: hello')
    assert.equal(await before.ask('still here'), 'one: still here')
    await balancer.kill()
    await assert.rejects(dial(context, front), /ECONNREFUSED/)
  })

  test(`${name} that cannot read its configuration says why`, need, async (context) => {
    const broken = open(context, { configuration: 'nonsense here;\n' })
    await assert.rejects(broken, /nonsense/)
    const moved = open(context, { configuration, replacements: { 'not in it': '' } })
    await assert.rejects(moved, /does not say "not in it"/)
  })

  test(`nothing is left of ${name}: no process, no folder`, need, async () => {
    const undos: (() => Promise<void>)[] = []
    const replacements = { FRONT: `${await freePorts()}`, BACK: '9' }
    const balancer = await open({ after: (undo) => undos.push(undo) }, { configuration, replacements })
    await balancer.reload()
    const folder = basename(balancer.folder)
    assert.ok(processesOf(folder).length >= 1, 'its processes are seen')
    for (const undo of undos) await undo()
    await eventually('its processes are gone', () => processesOf(folder).length === 0)
    assert.equal(existsSync(balancer.folder), false)
  })
}

test('HAProxy takes commands while it runs', needHaproxy(), async (context) => {
  const replacements = { FRONT: `${await freePorts()}`, BACK: `${await openEcho(context, 'one')}` }
  const balancer = await openHaproxy(context, { configuration: HAPROXY, replacements })
  await balancer.admin('set server back/a state maint')
  assert.match(await balancer.admin('show servers state back'), / back 1 a 127\.0\.0\.1 0 /)
})

/** A server that answers each line with its name before it. */
async function openEcho(context: TestContext, name: string): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => socket.write(`${name}: ${data}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(context, () => server.close())
  return (server.address() as net.AddressInfo).port
}

async function dial(context: TestContext, port: number): Promise<{ ask(text: string): Promise<string> }> {
  const socket = net.connect(port, '127.0.0.1')
  atEnd(context, () => socket.destroy())
  await once(socket, 'connect')
  return {
    ask: async (text) => {
      socket.write(text)
      return `${(await once(socket, 'data'))[0]}`
    },
  }
}
