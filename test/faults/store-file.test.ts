/** The look at a store's file finds nothing in a sound one, and each contradiction that is forged into it. */

import assert from 'node:assert/strict'
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import type { Delivery } from '../../src/engine/engine.ts'
import { submission } from '../support/submissions.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { lookAtStore } from './store-file.ts'

const HOUR_MS = 3_600_000

/** `done` has a result; `held` and `lent` are leased, `free` is ready, `later` is scheduled and has a deadline. */
async function soundStore(context: TestContext): Promise<string> {
  const dir = temporaryFolder(context, 'look')
  const engine = await openEmbeddedEngine({ dir })
  const nowMs = Date.now()
  const expires = { options: { expiresAtMs: nowMs + 2 * HOUR_MS } }
  await engine.submit(
    [
      submission('done'),
      submission('held'),
      submission('lent'),
      submission('free'),
      submission('later', { runAtMs: nowMs + HOUR_MS, ...expires }),
    ],
    'disk',
  )
  const worker = { id: 'w', pid: 1, host: 'h' }
  const request = { queues: ['default'], types: null, slots: 3, prefetch: 1, worker }
  const delivered = Promise.withResolvers<readonly Delivery[]>()
  const consumer = await engine.consume(request, { deliver: delivered.resolve, revoke() {} })
  const taken = await delivered.promise
  await consumer.stop()
  const { id, epoch } = taken.find((delivery) => delivery.id === 'done')!
  await engine.settle([{ id, epoch, kind: 'returned', valueText: '12' }])
  await engine.close()
  return dir
}

function forge(dir: string, sql: string): void {
  const database = new DatabaseSync(join(dir, 'chasqui.db'))
  database.exec(sql)
  database.close()
}

const seq = (id: string) => `(select seq from task where id = '${id}')`

const FORGERIES: readonly (readonly [what: string, sql: string, fault: string])[] = [
  ['a task in no place', `delete from ready where seq = ${seq('free')}`, 'free is in no place'],
  [
    'a task that is final and ready',
    `insert into ready select queue, type, -priority, run_at, seq, 0, 0 from task where id = 'done'`,
    'done is in several places',
  ],
  [
    'a task that is ready twice',
    `insert into ready select queue, type, -priority, run_at + 1, seq, 0, 0 from task where id = 'free'`,
    'free is ready in another place than its own row says',
  ],
  [
    'a task that is scheduled for another time than its row says',
    `update task set run_at = run_at + 1 where id = 'later'`,
    'later is scheduled for another time than its own row says',
  ],
  [
    'a final task with a deadline',
    `insert into expiry values (1, ${seq('done')})`,
    'done is final and still has a deadline',
  ],
  [
    'a result without a task',
    `delete from task where id = 'done'`,
    '1 is a sequence number in result without a task',
  ],
  [
    'a ready row without a task',
    'insert into ready values (1, 2, -4, 1, 99, 0, 0)',
    '99 is a sequence number in ready without a task',
  ],
  [
    'a lease of nothing that runs',
    `insert into lease values (1, 1, 1, '[1]')`,
    'lease 1 is there although all its tasks are final',
  ],
  [
    'a lease of a task that is not due',
    `insert into lease select 1, 1, 1, '[' || seq || ']' from task where id = 'later'`,
    'later is leased although it is not due',
  ],
]

describe('the look at a store', () => {
  test('finds nothing in a sound one, and where everything is', async (context) => {
    const look = lookAtStore(await soundStore(context))
    assert.deepEqual(look.faults, [])
    assert.deepEqual([...look.tasks.keys()].sort(), ['done', 'free', 'held', 'later', 'lent'])
    assert.equal(look.tasks.get('done')?.final?.state, 'succeeded')
    assert.equal(look.tasks.get('done')?.final?.value, '12')
    assert.equal(look.tasks.get('free')?.final, null)
    assert.deepEqual([...look.leased.keys()].sort(), ['held', 'lent'])
    assert.deepEqual(look.live, { ready: 3, scheduled: 1, expiry: 1 })
    assert.equal(look.leaseRows, 1)
  })

  for (const [what, sql, fault] of FORGERIES) {
    test(`finds ${what}`, async (context) => {
      const dir = await soundStore(context)
      forge(dir, sql)
      assert.ok(lookAtStore(dir).faults.includes(fault), JSON.stringify(lookAtStore(dir).faults))
    })
  }

  test('finds a task that is leased twice', async (context) => {
    const dir = await soundStore(context)
    forge(dir, `insert into lease select epoch + 9, 1, 1, seqs from lease`)
    const { faults } = lookAtStore(dir)
    assert.match(faults.join('\n'), /^held is leased under \d+ and under \d+$/m)
  })

  test('finds totals that the rows do not bear out', async (context) => {
    const dir = await soundStore(context)
    forge(dir, 'update total set succeeded = 2')
    assert.match(
      lookAtStore(dir).faults.join('\n'),
      /^the totals are \[\[1,5,2,0,0,0\]\], but the rows make \[\[1,5,1,0,0,0\]\]$/m,
    )
  })

  test('finds pages that are damaged', async (context) => {
    const dir = await soundStore(context)
    const file = openSync(join(dir, 'chasqui.db'), 'r+')
    // Of each page but the first the header is lost.
    for (let page = 1; page < fstatSync(file).size / 4096; page++) {
      writeSync(file, Buffer.alloc(16, 0xff), 0, 16, page * 4096)
    }
    closeSync(file)
    assert.match(lookAtStore(dir).faults.join('\n'), /^integrity: /m)
  })
})
