/** What the tests of both balancers are made of: distributors that expect PROXY headers, clients with an address, waits for facts. */

import assert from 'node:assert/strict'
import net from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { type LineProcess, runLines } from '../../support/lines.ts'
import { WireClient } from '../../support/wire-client.ts'
import { main } from '../cli/chasqui.ts'

/** A balancer looks once a second, and a machine under load looks later. */
const DEADLINE_MS = 60_000
const LOOK_MS = 20

export async function eventuallySo(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  evidence: () => string = () => '',
): Promise<void> {
  const untilMs = Date.now() + DEADLINE_MS
  // What is not there yet may refuse to be asked.
  while (
    !(await Promise.resolve()
      .then(isSo)
      .catch(() => false))
  ) {
    assert.ok(Date.now() < untilMs, `did not come true: ${what}\n${evidence().slice(-4_000)}`)
    await sleep(LOOK_MS)
  }
}

export interface Front extends LineProcess {
  readonly port: number
  readonly pid: number
}

/** The balancer is whoever comes from 127.0.0.1; the clients of these tests come from elsewhere. */
const PROXIED = ['--proxy-protocol', 'required', '--proxy-trusted', '127.0.0.1']

/** `chasqui distributor` behind a balancer. */
export async function startFront(
  context: TestContext,
  flags: readonly string[] = ['--engine', 'memory'],
  { port = 0, proxy = PROXIED }: { readonly port?: number; readonly proxy?: readonly string[] } = {},
): Promise<Front> {
  const front = runLines(context, process.execPath, [
    ...[main, 'distributor', '--json', '--log-format', 'json', '--port', String(port), '--http', 'off'],
    ...proxy,
    ...flags,
  ])
  const ready = await front.line('the distributor is ready', (line) => line.includes('"role"'))
  const { address, pid } = JSON.parse(ready) as { address: string; pid: number }
  return Object.assign(front, { port: Number(new URL(address).port), pid })
}

/** What it logged: the names of the events. */
export function eventsOf(front: Front): string[] {
  return front.errorText
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => (JSON.parse(line) as { event: string }).event)
}

export interface Way {
  readonly port: number
  /** Ours. */
  readonly from: string
  /** What certifies the server, where TLS is spoken. */
  readonly ca?: string
}

/** A client with an address of its own. */
export async function connectFrom(context: TestContext, { port, from, ca }: Way): Promise<WireClient> {
  const tcp = net.connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true, allowHalfOpen: true })
  context.after(() => tcp.destroy())
  await connected(tcp, 'connect')
  if (ca === undefined) return new WireClient(tcp)
  const secure = tls.connect({ socket: tcp, ca, servername: 'localhost' })
  await connected(secure, 'secureConnect')
  return new WireClient(secure)
}

async function connected(socket: net.Socket, event: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once(event, () => resolve())
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('it was closed')))
  })
}

/** Which distributor a connection has reached, and where that sees it. */
export async function whereAbouts(client: WireClient): Promise<{ pid: number; peer: string }> {
  const [{ peer }, { server }] = await Promise.all([client.ask('session.ping'), client.ask('system.stats')])
  return { pid: server.pid, peer }
}

/** While it reloads: who knocks is let in, with his address, and whoever was connected stays where he was. */
export async function reloadUnnoticed(
  context: TestContext,
  port: number,
  reload: () => Promise<unknown>,
): Promise<void> {
  const old = await connectFrom(context, { port, from: '127.0.0.9' })
  const before = await whereAbouts(old)
  let reloading = true
  let made = 0
  const knock = async () => {
    while (reloading) {
      const client = await connectFrom(context, { port, from: '127.0.0.8' })
      assert.equal((await client.ask('session.ping')).peer, '127.0.0.8')
      client.destroy()
      made++
    }
  }
  const knocking = knock()
  await reload()
  const already = made
  await eventuallySo('connections go on', () => made >= already + 20)
  reloading = false
  await knocking
  assert.ok(made > 0)
  assert.deepEqual(await whereAbouts(old), before)
}
