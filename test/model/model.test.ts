/** Random games of operations, deliveries and time. CHASQUI_SEED=n plays one game again. */

import { test } from 'node:test'
import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { play, type Store } from './game.ts'
import { GRACE_MS, LEASE_MS, RETENTION_MS } from './model.ts'

const STEPS = 400
const MEMORY_GAMES = 20

const settings = {
  random: () => 0.5,
  leaseMs: LEASE_MS,
  reconnectGraceMs: GRACE_MS,
  retentionMs: RETENTION_MS,
  failedRetentionMs: RETENTION_MS,
}

function seeds(count: number): number[] {
  if (process.env.CHASQUI_SEED !== undefined) return [Number(process.env.CHASQUI_SEED)]
  const first = Date.now() % 1_000_000_000
  return Array.from({ length: count }, (_, index) => first + index)
}

function openMemory(): Store {
  const clock = new VirtualClock()
  const engine = openMemoryEngine({ clock, ...settings })
  return { engine, clock, durability: 'memory', close: () => engine.close() }
}

for (const seed of seeds(MEMORY_GAMES)) {
  test(`the memory engine does what the model does (seed ${seed}, ${STEPS} steps)`, {
    timeout: 60_000,
  }, async () => {
    const store = openMemory()
    try {
      await play(store, seed, STEPS)
    } finally {
      await store.close()
    }
  })
}
