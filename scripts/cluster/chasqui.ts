/** Chasqui on top of the servers: two distributors that share everything and know nothing of each other, HAProxy before them, two workers. */

import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Daemon } from '../../test/support/daemon.ts'
import { openHaproxy } from '../../test/support/haproxy.ts'
import { freePorts } from '../../test/support/ports.ts'
import { atEnd, type Scope } from '../../test/support/temporary.ts'
import type { Servers } from './servers.ts'

const main = join(import.meta.dirname, '../../dist/cli/main.js')
/** How long one that is told to stop may take before it is killed. */
const END_MS = 15_000

/** deploy/haproxy has the whole one, with TLS and metrics; this is what one machine needs of it. */
const BALANCER = `
defaults
    mode tcp
    timeout connect 2s
    timeout client 65m
    timeout server 65m
frontend door
    bind 127.0.0.1:DOOR
    default_backend distributors
backend distributors
    balance leastconn
    option tcp-check
    tcp-check connect send-proxy
    tcp-check send {\\"jsonrpc\\":\\"2.0\\",\\"id\\":\\"check\\",\\"method\\":\\"session.ping\\"}\\n
    tcp-check expect rstring \\"ready\\":(true|false)
    default-server check inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions send-proxy-v2
    server one 127.0.0.1:PORT_ONE
    server two 127.0.0.1:PORT_TWO
`

export interface RunningChasqui {
  readonly door: { readonly host: string; readonly port: number }
  readonly url: string
  readonly lines: readonly string[]
}

export async function openChasqui(scope: Scope, { env }: Pick<Servers, 'env'>): Promise<RunningChasqui> {
  const [one, two, door] = [await freePorts(), await freePorts(), await freePorts()]
  const [httpOne, httpTwo] = [await freePorts(), await freePorts()]
  const behind = ['--proxy-protocol', 'required', '--proxy-trusted', '127.0.0.1']
  const start = (name: string, parameters: readonly string[]) => startRole(scope, name, parameters, env)
  // No address and no key of the servers below: the distributors stand between.
  const bare = Object.fromEntries(Object.entries(env).filter(([name]) => !/^(CHASQUI|AWS)_/.test(name)))
  // One after the other: the first brings the database to this version.
  const first = await start('distributor-one', [
    ...['distributor', '--port', `${one}`, '--http-port', `${httpOne}`],
    ...behind,
  ])
  const second = await start('distributor-two', [
    ...['distributor', '--port', `${two}`, '--http-port', `${httpTwo}`],
    ...behind,
  ])
  const balancer = await openHaproxy(scope, {
    configuration: BALANCER,
    replacements: { DOOR: `${door}`, PORT_ONE: `${one}`, PORT_TWO: `${two}` },
  })
  await first.ready(async () => {
    const states = await balancer.admin('show servers state distributors')
    // The sixth column: 2 is running.
    return [...states.matchAll(/ (?:one|two) 127\.0\.0\.1 2 /g)].length === 2
  })
  const url = `chasqui://127.0.0.1:${door}`
  const [distant, direct] = await Promise.all([
    startRole(scope, 'worker-one', ['worker', '--connect', url], bare),
    start('worker-two', ['worker']),
  ])
  return {
    door: { host: '127.0.0.1', port: door },
    url,
    lines: [
      `  distributors  chasqui://127.0.0.1:${one} (pid ${first.pid}), chasqui://127.0.0.1:${two} (pid ${second.pid})`,
      `  HTTP          http://127.0.0.1:${httpOne}, http://127.0.0.1:${httpTwo}`,
      `  HAProxy       ${url}`,
      `  workers       pid ${distant.pid} through HAProxy, pid ${direct.pid} directly on the cluster`,
    ],
  }
}

/** Ready when it says so. */
async function startRole(
  scope: Scope,
  name: string,
  parameters: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Daemon> {
  const folder = join(tmpdir(), name)
  mkdirSync(folder)
  const role = Daemon.start({
    command: process.execPath,
    parameters: [main, ...parameters, '--json'],
    folder,
    env,
  })
  atEnd(scope, async () => {
    const deadline = setTimeout(() => role.signal('SIGKILL'), END_MS)
    await role.kill('SIGTERM')
    clearTimeout(deadline)
  })
  await role.ready(async () => /^\{"role":/m.test(role.output))
  return role
}
