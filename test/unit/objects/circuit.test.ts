import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Circuit } from '../../../src/objects/claims/circuit.ts'
import { VirtualClock } from '../../../src/task/clock.ts'

const LIMITS = { failuresMax: 3, openMs: 1_000 }

function closedOrNot(circuit: Circuit): boolean {
  try {
    circuit.enter()
    return true
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'STORE_FAILED')
    return false
  }
}

test('it opens after so many failures in a row, and a success in between starts the count anew', () => {
  const circuit = new Circuit(new VirtualClock(), LIMITS)
  circuit.failed()
  circuit.failed()
  circuit.succeeded()
  circuit.failed()
  circuit.failed()
  assert.equal(closedOrNot(circuit), true)
  circuit.failed()
  assert.equal(closedOrNot(circuit), false)
})

test('after the pause one call may try, and the others wait for what it finds', async () => {
  const clock = new VirtualClock()
  const circuit = new Circuit(clock, LIMITS)
  for (let time = 0; time < 3; time++) circuit.failed()
  await clock.advance(999)
  assert.equal(closedOrNot(circuit), false)
  await clock.advance(1)
  circuit.look()
  assert.equal(closedOrNot(circuit), true, 'looking has used up the try')
  assert.equal(closedOrNot(circuit), false)
  circuit.failed()
  await clock.advance(999)
  assert.equal(closedOrNot(circuit), false)
  await clock.advance(1)
  assert.equal(closedOrNot(circuit), true)
  circuit.succeeded()
  assert.equal(closedOrNot(circuit), true)
  assert.equal(closedOrNot(circuit), true)
})

test('a try that never ends does not keep it open for ever', async () => {
  const clock = new VirtualClock()
  const circuit = new Circuit(clock, LIMITS)
  for (let time = 0; time < 3; time++) circuit.failed()
  await clock.advance(1_000)
  assert.equal(closedOrNot(circuit), true)
  await clock.advance(1_000)
  assert.equal(closedOrNot(circuit), true)
})
