import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import type { Delivery } from '../../../src/engine/engine.ts'
import { needRoot } from '../../support/real-parts.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'

/** A file system of its own, 16 MiB in memory. */
function smallDisk(context: TestContext): string {
  const path = temporaryFolder(context, 'small')
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', path])
  atEnd(context, () => execFileSync('umount', ['-l', path]))
  return path
}

const LARGE = JSON.stringify('x'.repeat(20_000))

describe('a disk that fills up', () => {
  test(
    'is noticed before it is full: new tasks are refused, waiting ones still run and are recorded',
    needRoot(),
    async (context) => {
      const disk = smallDisk(context)
      const engine = await openEmbeddedEngine({ dir: join(disk, 'store'), diskFreeBytesMin: 8 * 1024 * 1024 })
      atEnd(context, () => engine.close())
      const confirmed: string[] = []
      const deadline = Date.now() + 20_000
      let refusal: { code?: string; retryAfterMs?: number } | null = null
      for (let at = 0; refusal === null; at++) {
        assert.ok(Date.now() < deadline, 'refused in time')
        try {
          await engine.submit([submission(`t${at}`, { dataText: LARGE })], 'disk')
          confirmed.push(`t${at}`)
          // The guard looks once a second: give it its looks while the disk fills.
          if (at % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 60))
        } catch (error) {
          refusal = error as { code?: string }
        }
      }
      assert.equal(refusal.code, 'DISK_LOW')
      assert.equal(refusal.retryAfterMs, 5_000)

      await runAll(engine, confirmed.length)
      const records = await engine.wait(confirmed, 20_000)
      assert.equal(records.filter((record) => record?.state === 'succeeded').length, confirmed.length)
    },
  )

  test(
    'completely, refuses with STORE_FAILED, keeps what was confirmed, and goes on when there is room again',
    needRoot(),
    async (context) => {
      const disk = smallDisk(context)
      const engine = await openEmbeddedEngine({ dir: join(disk, 'store'), diskFreeBytesMin: 0 })
      atEnd(context, () => engine.close())
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(8 * 1024 * 1024))
      const confirmed: string[] = []
      let failure: { code?: string } | null = null
      for (let at = 0; failure === null && at < 2_000; at++) {
        const ids = [`a${at}`, `b${at}`]
        try {
          await engine.submit(
            ids.map((id) => submission(id, { dataText: LARGE })),
            'disk',
          )
          confirmed.push(...ids)
        } catch (error) {
          failure = error as { code?: string }
        }
      }
      assert.equal(failure?.code, 'STORE_FAILED')
      const before = await engine.inspect()
      assert.equal(
        before.queues[0]?.queued,
        confirmed.length,
        'the failed batch left nothing, not even in the counts',
      )

      rmSync(join(disk, 'ballast'))
      await engine.submit([submission('after')], 'disk')
      confirmed.push('after')
      await runAll(engine, confirmed.length)
      const records = await engine.wait(confirmed, 20_000)
      assert.equal(records.filter((record) => record?.state === 'succeeded').length, confirmed.length)
      assert.deepEqual(await engine.get(['a1999', 'b1999']), [null, null])
    },
  )
})

describe('the write-ahead log', () => {
  test('stays near its limit under load', async (context) => {
    const dir = temporaryFolder(context, 'wal')
    const engine = await openEmbeddedEngine({ dir, walBytesMax: 1024 * 1024 })
    atEnd(context, () => engine.close())
    for (let batch = 0; batch < 200; batch++) {
      await engine.submit(
        Array.from({ length: 100 }, (_, at) =>
          submission(`t${batch}-${at}`, { dataText: LARGE.slice(0, 500).concat('"') }),
        ),
        'disk',
      )
    }
    // 20,000 tasks of 500 bytes write well over 20 MB of log; without checkpoints the file would hold all of it.
    const bytes = statSync(join(dir, 'chasqui.db-wal')).size
    assert.ok(bytes < 10 * 1024 * 1024, `the log has ${bytes} bytes`)
  })
})

async function runAll(engine: Awaited<ReturnType<typeof openEmbeddedEngine>>, count: number): Promise<void> {
  let settled = 0
  let failed: unknown = null
  await new Promise<void>((resolve, reject) => {
    const deliver = (deliveries: readonly Delivery[]) => {
      engine
        .settle(deliveries.map(({ id, epoch }) => ({ id, epoch, kind: 'returned', valueText: '12' })))
        .then((answers) => {
          settled += answers.filter((answer) => answer.accepted).length
          if (settled >= count) resolve()
        })
        .catch((error: unknown) => {
          failed = error
          reject(error as Error)
        })
    }
    const worker = { id: 'w', pid: 1, host: 'h' }
    engine
      .consume(
        { queues: ['default'], types: null, slots: 4, prefetch: 1, worker },
        { deliver, revoke: () => undefined },
      )
      .catch(reject)
  })
  assert.equal(failed, null)
}
