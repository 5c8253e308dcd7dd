/** Distributors behind a balancer that are killed under load: clients go on, and every confirmed task has one result. */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { needHaproxy, needNginxStream } from '../../support/real-parts.ts'
import { deployHaproxy, deployNginx } from './balancers.ts'
import { makeCertificate } from './certificate.ts'
import { Load, type Side } from './load.ts'

const KILLS = 6

async function killInTurns(load: Load, port: number, back: (side: Side) => Promise<void>): Promise<void> {
  await load.begin(port)
  for (let kill = 0; kill < KILLS; kill++) {
    const side = kill % 2 === 0 ? 'a' : 'b'
    await load.progress()
    await load.fronts[side].kill('SIGKILL')
    load.system.count('kills')
    await load.progress()
    await load.restart(side)
    await back(side)
  }
  await load.end()
}

async function behind(context: TestContext) {
  const load = await Load.open(context)
  const plain = [load.fronts.a.port, load.fronts.b.port] as const
  return { load, behind: { plain, certificate: await makeCertificate(context) } }
}

test('HAProxy', needHaproxy(), async (context) => {
  const { load, behind: setting } = await behind(context)
  const { doors, until } = await deployHaproxy(context, setting)
  await Promise.all([until('a', 'UP'), until('b', 'UP')])
  await killInTurns(load, doors.plain, (side) => until(side, 'UP'))
  assert.equal(load.system.counts.kills, KILLS)
})

test('nginx', needNginxStream(), async (context) => {
  const { load, behind: setting } = await behind(context)
  const { doors } = await deployNginx(context, setting)
  // Nobody says when nginx tries it again; the next kill may find both in use, or the killed one alone.
  await killInTurns(load, doors.plain, async () => {})
  assert.equal(load.system.counts.kills, KILLS)
})
