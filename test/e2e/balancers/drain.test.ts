/** Distributors behind a balancer that are stopped under load, one after the other: no client hears an error, not even one that connects for one task. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needHaproxy, needNginxStream } from '../../support/real-parts.ts'
import { deployHaproxy, deployNginx } from './balancers.ts'
import { makeCertificate } from './certificate.ts'
import { Load, type Rotation, type Side } from './load.ts'

const SIDES: readonly Side[] = ['a', 'b', 'a']

async function stopInTurns(load: Load, { port, beforeStop, back }: Rotation): Promise<void> {
  await load.begin(port)
  load.knock()
  for (const side of SIDES) {
    await load.progress()
    await beforeStop(side)
    const stopped = load.fronts[side]
    stopped.child.kill('SIGTERM')
    assert.deepEqual(await stopped.exited, { code: 0, signal: null }, stopped.errorText)
    await load.progress()
    await load.restart(side)
    await back(side)
  }
  assert.ok((await load.end()) > SIDES.length, 'bare clients came')
}

test('HAProxy is told by the distributor', needHaproxy(), async (context) => {
  const load = await Load.open(context, '5s')
  const { a, b } = load.fronts
  const setting = { plain: [a.port, b.port] as const, certificate: await makeCertificate(context) }
  const { doors, until } = await deployHaproxy(context, setting)
  await Promise.all([until('a', 'UP'), until('b', 'UP')])
  await stopInTurns(load, {
    port: doors.plain,
    beforeStop: async () => {},
    back: (side) => until(side, 'UP'),
  })
})

test('nginx is told by an operator', needNginxStream(), async (context) => {
  const load = await Load.open(context, '2s')
  const { a, b } = load.fronts
  const setting = { plain: [a.port, b.port] as const, certificate: await makeCertificate(context) }
  const { doors, takeOut, putBack } = await deployNginx(context, setting)
  await stopInTurns(load, { port: doors.plain, beforeStop: takeOut, back: putBack })
})
