/**
 * Random games of operations, deliveries and time, on the engines that decide for themselves. The embedded engine is killed again and
 * again; what is left of it is exactly what a killed process leaves. CHASQUI_SEED=n plays one game again.
 */

import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import { openMemoryEngine } from '../../src/engine/memory/memory-engine.ts'
import { VirtualClock } from '../../src/task/clock.ts'
import { play, type Store } from './game.ts'
import { CROWD, FEW, GRACE_MS, LEASE_MS, RETENTION_MS, type Scale } from './settings.ts'

const TIMEOUT_MS = 120_000

const settings = {
  random: () => 0.5,
  leaseMs: LEASE_MS,
  reconnectGraceMs: GRACE_MS,
  retentionMs: RETENTION_MS,
  failedRetentionMs: RETENTION_MS,
}

async function openMemory(): Promise<Store> {
  const clock = new VirtualClock()
  const engine = openMemoryEngine({ clock, ...settings })
  return { engine, clock, durability: 'memory', close: () => engine.close() }
}

async function openEmbedded(): Promise<Store> {
  const clock = new VirtualClock()
  const root = mkdtempSync(join(tmpdir(), 'chasqui-model-'))
  let life = 0
  const open = () => openEmbeddedEngine({ dir: join(root, String(life)), clock, ...settings })
  let engine = await open()
  return {
    engine,
    clock,
    durability: 'disk',
    async kill() {
      // Copied in one go, with nothing closed or checkpointed first: the files as the killed process leaves them.
      const from = join(root, String(life++))
      const to = join(root, String(life))
      cpSync(from, to, { recursive: true, filter: (path) => !/\/owner[^/]*$|-shm$/.test(path) })
      await engine.abandon()
      rmSync(from, { recursive: true })
      engine = await open()
      return engine
    },
    async close() {
      await engine.close()
      rmSync(root, { recursive: true })
    },
  }
}

function seeds(count: number): number[] {
  if (process.env.CHASQUI_SEED !== undefined) return [Number(process.env.CHASQUI_SEED)]
  const first = Date.now() % 1_000_000_000
  return Array.from({ length: count }, (_, index) => first + index)
}

function games(name: string, scale: Scale, count: number, steps: number, open: () => Promise<Store>): void {
  for (const seed of seeds(count)) {
    const title = `${name} does what the model does (CHASQUI_SEED=${seed}, ${steps} steps, ${scale.ids} tasks)`
    test(title, { timeout: TIMEOUT_MS }, async () => {
      const store = await open()
      try {
        await play(store, scale, seed, steps)
      } finally {
        await store.close()
      }
    })
  }
}

games('the memory engine', FEW, 20, 400, openMemory)
games('the memory engine', CROWD, 1, 80, openMemory)
games('the embedded engine', FEW, 10, 400, openEmbedded)
games('the embedded engine', CROWD, 2, 80, openEmbedded)
