import assert from 'node:assert/strict'
import { AT_ONCE, LEASE_MS, returned, threw } from '../harness.ts'
import type { Promised } from '../suite.ts'

const line = (text: string, atMs: number) => ({ level: 'info' as const, text, atMs })

export function reporting(promised: Promised): void {
  promised('the latest progress is seen while the task runs', async (stage) => {
    const [, { epoch }] = await stage.running({})
    assert.equal((await stage.record('a')).progress, undefined)
    const answers = await stage.engine.report([
      { id: 'a', epoch, progress: { done: 1, total: 3 } },
      { id: 'a', epoch, progress: { done: 2, total: null, note: 'halfway' } },
    ])
    assert.deepEqual(answers, [
      { id: 'a', accepted: true },
      { id: 'a', accepted: true },
    ])
    assert.deepEqual((await stage.record('a')).progress, { done: 2, total: null, note: 'halfway' })
  })

  promised('a new attempt begins without progress', async (stage) => {
    const [hands, first] = await stage.running({ options: { backoff: AT_ONCE } })
    await stage.engine.report([{ id: 'a', epoch: first.epoch, progress: { done: 1, total: 3 } }])
    await stage.engine.settle([threw(first)])
    await hands.next()
    assert.equal((await stage.record('a')).progress, undefined)
  })

  promised('log lines are kept with their task, numbered over all attempts', async (stage) => {
    const [hands, first] = await stage.running({ options: { backoff: AT_ONCE } })
    const atMs = stage.nowMs
    await stage.engine.report([
      { id: 'a', epoch: first.epoch, lines: [line('one', atMs), line('two', atMs)] },
    ])
    await stage.engine.settle([threw(first)])
    const second = await hands.next()
    await stage.engine.report([
      { id: 'a', epoch: second.epoch, lines: [{ level: 'error', text: 'three', atMs: atMs + 5 }] },
    ])
    await stage.engine.settle([returned(second)])
    const lines = await stage.engine.log('a', 0)
    assert.deepEqual(lines, [
      { number: 1, atMs, attempt: 1, level: 'info', text: 'one' },
      { number: 2, atMs, attempt: 1, level: 'info', text: 'two' },
      { number: 3, atMs: atMs + 5, attempt: 2, level: 'error', text: 'three' },
    ])
    assert.deepEqual(await stage.engine.log('a', 2), lines.slice(2))
    assert.deepEqual(await stage.engine.log('a', 3), [])
    assert.deepEqual(await stage.engine.log('unknown', 0), [])
  })

  promised('reports of a lease that is not current are refused and leave nothing', async (stage) => {
    const [hands, old] = await stage.running({})
    await stage.advance(LEASE_MS + 1_000)
    const current = await hands.next()
    const refused = await stage.engine.report([
      { id: 'a', epoch: old.epoch, progress: { done: 1, total: 1 } },
      { id: 'a', epoch: old.epoch, lines: [line('late', stage.nowMs)] },
      { id: 'unknown', epoch: 1, lines: [line('lost', stage.nowMs)] },
    ])
    assert.deepEqual(refused, [
      { id: 'a', accepted: false },
      { id: 'a', accepted: false },
      { id: 'unknown', accepted: false },
    ])
    assert.equal((await stage.record('a')).progress, undefined)
    assert.deepEqual(await stage.engine.log('a', 0), [])
    await stage.engine.settle([returned(current)])
    assert.deepEqual(
      await stage.engine.report([{ id: 'a', epoch: current.epoch, lines: [line('after', 0)] }]),
      [{ id: 'a', accepted: false }],
    )
  })

  promised('a talkative task keeps its first thousand lines, and the last of them says so', async (stage) => {
    const [, { epoch }] = await stage.running({})
    const atMs = stage.nowMs
    for (let batch = 0; batch < 3; batch++) {
      const lines = Array.from({ length: 450 }, (_, index) => line(`line ${batch * 450 + index + 1}`, atMs))
      assert.deepEqual(await stage.engine.report([{ id: 'a', epoch, lines }]), [{ id: 'a', accepted: true }])
    }
    const lines = await stage.engine.log('a', 0)
    assert.equal(lines.length, 1_000)
    assert.deepEqual(lines[998], { number: 999, atMs, attempt: 1, level: 'info', text: 'line 999' })
    assert.deepEqual(lines[999], {
      number: 1_000,
      atMs,
      attempt: 1,
      level: 'warn',
      text: 'only 1000 lines are kept',
    })
  })

  promised('a line is cut at its longest length', async (stage) => {
    const [, { epoch }] = await stage.running({})
    await stage.engine.report([{ id: 'a', epoch, lines: [line('x'.repeat(5_000), stage.nowMs)] }])
    const [kept] = await stage.engine.log('a', 0)
    assert.equal(kept?.text, 'x'.repeat(4_096))
  })
}
