/**
 * The write-ahead log of a store, torn at many places, as a power cut in the middle of a write may leave it: the store opens, and holds
 * exactly the commits that lie wholly before the tear.
 */

import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { type EmbeddedEngine, openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import type { Delivery } from '../../src/engine/engine.ts'
import type { Outcome } from '../../src/task/outcome.ts'
import { openRandom } from '../support/random.ts'
import { submission } from '../support/submissions.ts'
import { atEnd, temporaryFolder } from '../support/temporary.ts'
import { copyStore, lookAtStore } from './store-file.ts'

const STEPS = 60
const TEARS = 40
const HOUR_MS = 3_600_000

/** In one step, and so in one commit: a batch is submitted, and the batch before it ends, each of its tasks in its own way. */
const KINDS = ['returned', 'returned', 'failed', 'delayed'] as const

interface Steps {
  /** A copy of the database as it was before the first step, and the log with all of them. */
  readonly dir: string
  readonly log: Buffer
  /** Length of the log after each step. */
  readonly lengths: readonly number[]
}

async function makeSteps(context: TestContext): Promise<Steps> {
  const folder = temporaryFolder(context, 'torn')
  const dir = join(folder, 'store')
  await (await openEmbeddedEngine({ dir })).close()
  // While this looks at the empty store nothing can be moved from the log to the database, so the log tells everything.
  const onlooker = new DatabaseSync(join(dir, 'chasqui.db'), { readOnly: true })
  atEnd(context, () => onlooker.close())
  onlooker.exec('begin; select count(*) from task')

  const engine = await openEmbeddedEngine({ dir })
  atEnd(context, () => engine.close())
  const held: Delivery[] = []
  const worker = { id: 'w', pid: 1, host: 'h' }
  await engine.consume(
    { queues: ['default'], types: null, slots: 64, prefetch: 1, worker },
    { deliver: (deliveries) => void held.push(...deliveries), revoke() {} },
  )
  const lengths: number[] = []
  for (let step = 0; step < STEPS; step++) {
    await take(engine, step, held.splice(0))
    lengths.push(statSync(join(dir, 'chasqui.db-wal')).size)
  }
  const copy = join(folder, 'copy')
  copyStore(dir, copy)
  return { dir: copy, log: readFileSync(join(copy, 'chasqui.db-wal')), lengths }
}

async function take(engine: EmbeddedEngine, step: number, held: readonly Delivery[]): Promise<void> {
  const batch = KINDS.map((kind, at) =>
    submission(idOf(step, at), kind === 'delayed' ? { runAtMs: Date.now() + HOUR_MS } : {}),
  )
  const [, settled, canceled] = await Promise.all([
    engine.submit(batch, 'disk'),
    engine.settle(held.map(outcomeOf)),
    step === 0 ? [] : engine.cancel([idOf(step - 1, KINDS.indexOf('delayed'))]),
  ])
  assert.ok(settled.every(({ accepted }) => accepted) && canceled.every((change) => change?.changed === true))
  assert.equal(settled.length, step === 0 ? 0 : KINDS.length - 1)
}

function idOf(step: number, at: number): string {
  return `${step}-${at}`
}

function outcomeOf({ id, epoch }: Delivery): Outcome {
  if (KINDS[Number(id.split('-')[1])] === 'returned') {
    return { id, epoch, kind: 'returned', valueText: JSON.stringify(id) }
  }
  return { id, epoch, kind: 'threw', error: { name: 'Error', message: id }, retryable: false }
}

/** What the store holds after so many steps, one line a task. */
function stateAfter(steps: number): string[] {
  const lines: string[] = []
  for (let step = 0; step < steps; step++) {
    const isOver = step < steps - 1
    KINDS.forEach((kind, at) => {
      const id = idOf(step, at)
      const states = {
        returned: isOver ? `succeeded "${id}"` : 'running',
        failed: isOver ? `failed ${id}` : 'running',
        delayed: isOver ? 'canceled' : 'scheduled',
      }
      lines.push(`${id} ${states[kind]}`)
    })
  }
  return lines.sort()
}

async function stateOf(dir: string): Promise<string[]> {
  const engine = await openEmbeddedEngine({ dir })
  try {
    const { tasks, cursor } = await engine.list({ limit: 1_000 })
    assert.equal(cursor, null)
    return tasks
      .map(({ id, state, resultText, error }) =>
        `${id} ${state} ${resultText ?? error?.message ?? ''}`.trim(),
      )
      .sort()
  } finally {
    await engine.close()
  }
}

describe('a write-ahead log that is torn', () => {
  for (const [how, rest] of [
    ['cut off', () => Buffer.alloc(0)],
    ['followed by what was not written', (length: number) => Buffer.alloc(length, 0xaa)],
  ] as const) {
    test(`(${how}) at any place leaves all commits before it, and half of none`, async (context) => {
      const random = openRandom(context)
      const { dir, log, lengths } = await makeSteps(context)
      const seen = new Set<number>()
      for (let tear = 0; tear <= TEARS; tear++) {
        // The fortieth, and a few bytes to either side, so that headers are torn as well as pages.
        const near = Math.floor((log.length * tear) / TEARS) - 30 + random.below(60)
        const at = Math.max(0, Math.min(log.length, near))
        const torn = join(temporaryFolder(context, 'tear'), 'store')
        copyStore(dir, torn)
        writeFileSync(
          join(torn, 'chasqui.db-wal'),
          Buffer.concat([log.subarray(0, at), rest(log.length - at)]),
        )
        const steps = lengths.filter((length) => length <= at).length
        assert.deepEqual(await stateOf(torn), stateAfter(steps), `torn at ${at} of ${log.length}`)
        assert.deepEqual(lookAtStore(torn).faults, [], `torn at ${at} of ${log.length}`)
        seen.add(steps)
      }
      context.diagnostic(JSON.stringify({ tears: TEARS + 1, states: seen.size, bytes: log.length }))
      assert.ok(seen.size > TEARS / 2, `${seen.size} different states were seen`)
    })
  }
})
