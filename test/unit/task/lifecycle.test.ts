import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  FINAL_STATES,
  isAllowed,
  isFinal,
  isRevivable,
  TASK_STATES,
  type TaskState,
  TRANSITIONS,
} from '../../../src/task/lifecycle.ts'

test('these moves and no others are allowed', () => {
  const table = TASK_STATES.map((from) => {
    const moves = TRANSITIONS.filter((t) => t.from === from).map((t) => `${t.verb} ${t.to}`)
    return `${from}: ${moves.join(', ')}`
  })
  assert.deepEqual(table, [
    'scheduled: due queued, cancel canceled, expire expired',
    'blocked: unblock queued, unblock scheduled, fail failed, cancel canceled, expire expired',
    'queued: deliver running, cancel canceled, expire expired',
    'running: complete succeeded, retry scheduled, retry queued, requeue queued, fail failed, cancel canceled',
    'succeeded: ',
    'failed: revive queued',
    'canceled: revive queued',
    'expired: revive queued',
  ])
  assert.equal(isAllowed('running', 'complete', 'succeeded'), true)
  assert.equal(isAllowed('running', 'expire', 'expired'), false)
  assert.equal(isAllowed('running', 'complete', 'failed'), false)
})

test('no move is listed twice', () => {
  const moves = TRANSITIONS.map((t) => `${t.from} ${t.verb} ${t.to}`)
  assert.equal(new Set(moves).size, moves.length)
})

test('the last four states are final, and only a hand moves a task out of one', () => {
  assert.deepEqual(
    TASK_STATES.filter((state) => isFinal(state)),
    [...FINAL_STATES],
  )
  for (const transition of TRANSITIONS) {
    if (isFinal(transition.from)) assert.equal(transition.verb, 'revive')
  }
})

test('every state but success can end a life that is begun again by hand', () => {
  assert.deepEqual(
    TASK_STATES.filter((state) => isRevivable(state)),
    ['failed', 'canceled', 'expired'],
  )
})

test('every state can be reached, and from every state a final one', () => {
  const reach = (from: readonly TaskState[]) => {
    const seen = new Set(from)
    for (let size = 0; size !== seen.size; ) {
      size = seen.size
      for (const t of TRANSITIONS) if (seen.has(t.from)) seen.add(t.to)
    }
    return seen
  }
  assert.deepEqual(reach(['scheduled', 'blocked', 'queued']), new Set(TASK_STATES))
  for (const state of TASK_STATES) {
    assert.ok(isFinal(state) || [...reach([state])].some((reached) => isFinal(reached)))
  }
})

test('a cancel is allowed in every state that is not final, and expiry in every state before the first run', () => {
  const sources = (verb: string) => TRANSITIONS.filter((t) => t.verb === verb).map((t) => t.from)
  assert.deepEqual(sources('cancel'), ['scheduled', 'blocked', 'queued', 'running'])
  assert.deepEqual(sources('expire'), ['scheduled', 'blocked', 'queued'])
})
