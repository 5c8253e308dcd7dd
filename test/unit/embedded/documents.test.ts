import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import { openFileStore } from '../../../src/objects/file-store.ts'
import type { ObjectStore } from '../../../src/objects/object-store.ts'
import { DOCUMENT_DRAIN_MS } from '../../../src/task/limits.ts'
import { eventually } from '../../support/eventually.ts'
import { submission } from '../../support/submissions.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const WORKER = { id: 'w1', pid: 4711, host: 'here' }

async function runOne(
  engine: Awaited<ReturnType<typeof openEmbeddedEngine>>,
  ids: readonly string[],
): Promise<void> {
  await engine.submit(
    ids.map((id) => submission(id)),
    'disk',
  )
  await engine.consume(
    { queues: ['default'], types: null, slots: 8, prefetch: 1, worker: WORKER },
    {
      deliver: (deliveries) =>
        void engine.settle(
          deliveries.map(({ id, epoch }) => ({ id, epoch, kind: 'returned', valueText: '12' })),
        ),
      revoke: () => undefined,
    },
  )
  const records = await engine.wait(ids, 20_000)
  assert.deepEqual(
    records.map((record) => record?.state),
    ids.map(() => 'succeeded'),
  )
}

describe('the documents of results', () => {
  test('hold the record of each final task, under a safe name made of its id', async (context) => {
    const dir = temporaryFolder(context, 'documents')
    const objects = await openFileStore({ dir: join(dir, 'objects') })
    const engine = await openEmbeddedEngine({ dir: join(dir, 'store'), objects })
    await runOne(engine, ['plain', '../../etc/passwd', 'ñandú/1'])
    await engine.close()
    await objects.close()
    assert.deepEqual(readdirSync(join(dir, 'objects')).sort(), [
      'task_%C3%B1and%C3%BA%2F1.json',
      'task_..%2F..%2Fetc%2Fpasswd.json',
      'task_plain.json',
    ])
    const document = JSON.parse(readFileSync(join(dir, 'objects', 'task_plain.json'), 'utf8'))
    assert.deepEqual(
      {
        id: document.id,
        type: document.type,
        state: document.state,
        result: document.result,
        worker: document.worker,
      },
      { id: 'plain', type: 'sumar', state: 'succeeded', result: 12, worker: WORKER },
    )
  })

  test('that could not be written before a crash are written after the next opening', async (context) => {
    const dir = temporaryFolder(context, 'resumed')
    const troubles: string[] = []
    const broken: ObjectStore = {
      kind: 'broken',
      put: () => Promise.reject(new Error('no disk')),
      get: () => Promise.resolve(null),
      delete: () => Promise.resolve(false),
      list: async function* () {},
      close: () => Promise.resolve(),
    }
    const first = await openEmbeddedEngine({
      dir: join(dir, 'store'),
      objects: broken,
      onTrouble: (event) => troubles.push(event),
    })
    await runOne(first, ['a', 'b'])
    await first.abandon()
    assert.ok(troubles.includes('document-failed'))

    const objects = await openFileStore({ dir: join(dir, 'objects') })
    const second = await openEmbeddedEngine({ dir: join(dir, 'store'), objects })
    await second.close()
    await objects.close()
    assert.deepEqual(readdirSync(join(dir, 'objects')).sort(), ['task_a.json', 'task_b.json'])
  })

  test('do not keep the engine from closing when the store of objects is slow', async (context) => {
    const dir = temporaryFolder(context, 'slow')
    const begun = Promise.withResolvers<void>()
    const slow = Promise.withResolvers<void>()
    const objects: ObjectStore = {
      ...NO_OBJECTS,
      put: () => {
        begun.resolve()
        return slow.promise
      },
    }
    const engine = await openEmbeddedEngine({ dir, objects })
    await runOne(engine, ['a'])
    await begun.promise
    const closed = engine.close()
    const deadline = new Promise((_, reject) =>
      setTimeout(reject, DOCUMENT_DRAIN_MS + 10_000, new Error('did not close')).unref(),
    )
    await Promise.race([closed, deadline])
    slow.resolve()
    // The mark is still there: the next opening writes it.
    const written: string[] = []
    const second = await openEmbeddedEngine({
      dir,
      objects: { ...NO_OBJECTS, put: async (key) => void written.push(key) },
    })
    await second.close()
    assert.deepEqual(written, ['task_a.json'])
  })

  test('tell of the last end of a task that was retried while its document was written', async (context) => {
    const dir = temporaryFolder(context, 'retried')
    const begun = Promise.withResolvers<void>()
    const held = Promise.withResolvers<void>()
    const bodies: string[] = []
    const objects: ObjectStore = {
      ...NO_OBJECTS,
      put: async (_, body) => {
        bodies.push(JSON.parse(body.toString()).state)
        if (bodies.length > 1) return
        begun.resolve()
        await held.promise
      },
    }
    const engine = await openEmbeddedEngine({ dir, objects })
    let fails = true
    await engine.consume(
      { queues: ['default'], types: null, slots: 1, prefetch: 1, worker: WORKER },
      {
        deliver: (deliveries) => {
          const error = { name: 'Error', message: 'no' }
          const outcome = fails
            ? { kind: 'threw' as const, error, retryable: false }
            : { kind: 'returned' as const, valueText: '12' }
          void engine.settle(deliveries.map(({ id, epoch }) => ({ id, epoch, ...outcome })))
        },
        revoke: () => undefined,
      },
    )
    await engine.submit([submission('a')], 'disk')
    await begun.promise
    fails = false
    await engine.retry({ ids: ['a'] })
    assert.equal((await engine.wait(['a'], 20_000))[0]?.state, 'succeeded')
    held.resolve()
    await eventually('the second end is written', () => bodies.length > 1)
    await engine.close()
    assert.deepEqual(bodies, ['failed', 'succeeded'])
  })
})

const NO_OBJECTS: ObjectStore = {
  kind: 'none',
  put: async () => {},
  get: async () => null,
  delete: async () => false,
  async *list() {},
  close: async () => {},
}
