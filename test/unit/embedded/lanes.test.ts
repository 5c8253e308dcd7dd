import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createEntry, type Entry } from '../../../src/engine/embedded/entry.ts'
import { Line } from '../../../src/engine/embedded/lanes.ts'
import { WINDOW_TASKS_MAX } from '../../../src/task/limits.ts'

/** A line over a "disk" of the test's own, which knows which tasks are leased, as the store and the leases do. */
function lineOnDisk(complete: boolean) {
  const disk: Entry[] = []
  const leased = new Set<number>()
  const line = new Line(
    1,
    1,
    (_queueNo, _typeNo, priority, afterRunAtMs, afterSeq, limit) => {
      const rows = disk
        .filter((entry) => entry.priority === priority)
        .filter(
          (entry) => entry.runAtMs > afterRunAtMs || (entry.runAtMs === afterRunAtMs && entry.seq > afterSeq),
        )
        .sort(byPlace)
        .slice(0, limit)
      const last = rows.at(-1)
      return {
        entries: rows.filter((entry) => !leased.has(entry.seq)),
        lastRunAtMs: last?.runAtMs ?? -1,
        lastSeq: last?.seq ?? -1,
        end: rows.length < limit,
      }
    },
    complete,
  )
  return { disk, leased, line }
}

function entry(seq: number, runAtMs: number, priority = 4): Entry {
  return createEntry(seq, `t${seq}`, 1, 1, priority, runAtMs, runAtMs, 0, 0, null, null)
}

function byPlace(a: Entry, b: Entry): number {
  return b.priority - a.priority || a.runAtMs - b.runAtMs || a.seq - b.seq
}

describe('the lanes of one queue and type', () => {
  test('give out whatever happens the first of what is ready and not leased', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ kind: fc.constant('add' as const), at: fc.nat(50), priority: fc.nat(9) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('flood' as const), at: fc.nat(50), priority: fc.nat(9) }),
      },
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('take' as const),
          count: fc.integer({ min: 1, max: 1500 }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('giveBack' as const), which: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.boolean(), (steps, complete) => {
        const { disk, leased, line } = lineOnDisk(complete)
        let seq = 0
        const taken: Entry[] = []
        for (const each of steps) {
          if (each.kind === 'add' || each.kind === 'flood') {
            for (let count = each.kind === 'flood' ? 3 * WINDOW_TASKS_MAX : 1; count > 0; count--) {
              const added = entry(++seq, each.at, each.priority)
              disk.push(added)
              line.add(added)
            }
          } else if (each.kind === 'take') {
            const expected = disk.filter((one) => !leased.has(one.seq)).sort(byPlace)
            for (let at = 0; at < each.count; at++) {
              const first = line.first()
              assert.equal(first?.seq, expected[at]?.seq)
              if (first === null) break
              line.take(first)
              leased.add(first.seq)
              taken.push(first)
            }
          } else if (each.kind === 'giveBack' && taken.length > 0) {
            const back = taken.splice(each.which % taken.length, 1)[0]!
            leased.delete(back.seq)
            line.add(back)
          } else if (each.kind === 'cancel') {
            const ready = disk.filter((one) => !leased.has(one.seq))
            const gone = ready[each.which % Math.max(1, ready.length)]
            if (gone === undefined) continue
            disk.splice(disk.indexOf(gone), 1)
            line.remove(gone.priority, gone.seq)
          }
        }
      }),
      { numRuns: 400 },
    )
  })
})
