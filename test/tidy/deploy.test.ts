/** The balancers of deploy/ against the limits of the code: a connection that is allowed to be silent must not be cut by them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PING_TIMEOUT_MS, SILENCE_MS, WAIT_MS_MAX, WAIT_REPLY_MS } from '../../src/task/limits.ts'
import { textOf } from './source.ts'

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 }

function timeMs(path: string, name: RegExp): number {
  const [, digits, unit] = new RegExp(`^\\s*${name.source}\\s+(\\d+)([smh])`, 'm').exec(textOf(path)) ?? []
  assert.ok(digits !== undefined, `${path} says ${name.source}`)
  return Number(digits) * UNITS[unit!]!
}

const haproxy = (name: RegExp) => timeMs('deploy/haproxy/haproxy.cfg', name)
const nginx = (name: RegExp) => timeMs('deploy/nginx/nginx.conf', name)

test('a client may wait in silence as long as task.wait allows', () => {
  for (const ms of [haproxy(/timeout tunnel/), nginx(/proxy_timeout/)])
    assert.ok(ms > WAIT_MS_MAX + WAIT_REPLY_MS)
})

test('a connection that nobody has answered yet outlasts the sign of life that its client waits for', () => {
  for (const ms of [haproxy(/timeout client/), haproxy(/timeout server/)])
    assert.ok(ms > SILENCE_MS + PING_TIMEOUT_MS)
})

test('the notice that deploy/README.md recommends is longer than two health checks', () => {
  const [, seconds] = /--drain-notice (\d+)s/.exec(textOf('deploy/README.md')) ?? []
  const interMs = timeMs('deploy/haproxy/haproxy.cfg', /default-server inter/)
  assert.ok(Number(seconds) * 1_000 >= 2 * interMs + haproxy(/timeout check/))
})

test('deploy/README.md names every variable of haproxy.cfg and its value', () => {
  const readme = textOf('deploy/README.md')
  const settings = textOf('deploy/haproxy/haproxy.cfg').replaceAll(/^ *#.*$/gm, '')
  const variables = [...settings.matchAll(/"\$\{([A-Z_]+)-([^}]*)\}"/g)]
  assert.ok(variables.length > 10)
  for (const [, name, value] of variables) {
    const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``))
    assert.ok(row?.includes(`\`${value}\``), `${name} and ${value}`)
  }
})
