import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import type { Delivery } from '../../../src/engine/engine.ts'
import { type Clock, systemClock } from '../../../src/task/clock.ts'
import { STORE_RETRY_MS } from '../../../src/task/limits.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'

const DEADLINE_MS = 10_000

/** A store whose writes to one table can be made to fail, as they do when the disk is full. */
async function openFailing(context: TestContext, clock: Clock = systemClock) {
  const dir = temporaryFolder(context, 'failing')
  const engine = await openEmbeddedEngine({ dir, clock })
  atEnd(context, () => engine.close())
  const meddler = new DatabaseSync(join(dir, 'chasqui.db'), { timeout: 5_000 })
  atEnd(context, () => meddler.close())
  return {
    engine,
    fail: (table: string) =>
      meddler.exec(
        `create trigger full before insert on ${table} begin select raise(abort, 'disk full'); end`,
      ),
    mend: () => meddler.exec('drop trigger full'),
  }
}

describe('a store that could not write for a while', () => {
  test('delivers what waits when it can again, though nobody asks for anything', async (context) => {
    const { engine, fail, mend } = await openFailing(context)
    await engine.submit([submission('a')], 'disk')
    fail('lease')
    const delivered = Promise.withResolvers<readonly Delivery[]>()
    const request = { queues: ['default'], types: null, slots: 1, prefetch: 1 }
    const worker = { id: 'w', pid: 1, host: 'h' }
    await engine.consume({ ...request, worker }, { deliver: delivered.resolve, revoke() {} })
    // The delivery has failed once this is answered: it was tried before.
    await assert.rejects(engine.submit([submission('b')], 'disk'), { code: 'STORE_FAILED' })
    mend()
    const late = new Promise<never>((_, reject) => {
      setTimeout(reject, DEADLINE_MS, new Error('was not delivered')).unref()
    })
    const [delivery] = await Promise.race([delivered.promise, late])
    assert.equal(delivery?.id, 'a')
  })

  test('does not try without a pause what is due', async (context) => {
    let looks = 0
    const clock: Clock = {
      nowMs: () => {
        looks++
        return systemClock.nowMs()
      },
      at: systemClock.at,
    }
    const { engine, fail, mend } = await openFailing(context, clock)
    fail('ready')
    await engine.submit([submission('later', { runAtMs: Date.now() + 50 })], 'disk')
    await sleep(100)
    looks = 0
    await sleep(STORE_RETRY_MS / 2)
    assert.ok(looks < 20, `it looked at the clock ${looks} times`)
    mend()
    const deadline = Date.now() + DEADLINE_MS
    while ((await engine.get(['later']))[0]?.state !== 'queued') {
      assert.ok(Date.now() < deadline, 'it became due')
      await sleep(10)
    }
  })
})
