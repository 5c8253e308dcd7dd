/**
 * Whether the time of a lookup tells what it must not: the same tenant asks for tasks of its own, of another, and for ids that never were, in turns, over one connection. Run by
 * hand: `node bench/lookup-timing.ts [rounds]`. The figures are in docs/access.md.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../src/client/connect.ts'
import { Access } from '../src/distributor/access/access.ts'
import { createToken } from '../src/distributor/access/token.ts'
import { parseTokenFile } from '../src/distributor/access/token-file.ts'
import { openDistributor } from '../src/distributor/distributor.ts'
import { openEmbeddedEngine } from '../src/engine/embedded/embedded-engine.ts'
import { systemClock } from '../src/task/clock.ts'
import { openLog } from '../src/telemetry/log.ts'
import { percentile } from './statistics.ts'

const rounds = Number(process.argv[2] ?? 20_000)
const TASKS = 1_000
const dir = mkdtempSync(join(tmpdir(), 'chasqui-timing-'))
const engine = await openEmbeddedEngine({ dir })
const { token, ...proof } = createToken()
const grants = [{ rights: ['read'], queues: ['*'], keys: ['ana'] }]
const entry = { ...proof, name: 'ana', roles: [], grants, createdAt: '2026-01-31T12:00:00Z' }
const file = parseTokenFile(JSON.stringify({ version: 1, tokens: [entry] }), 'here')
const distributor = await openDistributor({
  engine,
  host: '127.0.0.1',
  port: 0,
  access: new Access({ file }),
  version: 'timing',
  clock: systemClock,
  log: openLog({ level: 'error', format: 'json' }),
})
for (const key of ['ana', 'bob']) {
  const tasks = Array.from({ length: TASKS }, (_, n) => ({
    id: `${key}-${n}`,
    type: 'x',
    queue: 'default',
    dataText: '[5,7]',
    priority: 4,
    runAtMs: 0,
    options: { key },
  }))
  await engine.submit(tasks, 'relaxed')
}
const client = await connect(`chasqui://127.0.0.1:${distributor.port}`, { token })
const kinds = { own: 'ana', foreign: 'bob', unknown: 'eve' } as const
const times: Record<string, number[]> = { own: [], foreign: [], unknown: [] }
for (let round = -rounds / 10; round < rounds; round++) {
  for (const [kind, name] of Object.entries(kinds)) {
    const id = `${name}-${Math.floor(Math.random() * TASKS)}`
    const startedMs = performance.now()
    await client.get([id])
    if (round >= 0) times[kind]!.push((performance.now() - startedMs) * 1_000)
  }
}
for (const [kind, all] of Object.entries(times)) {
  const sorted = Float64Array.from(all)
  const at = (share: number) => percentile(sorted, share).toFixed(1)
  console.log(`${kind.padEnd(8)} p10 ${at(0.1)}  p50 ${at(0.5)}  p90 ${at(0.9)} µs (n = ${all.length})`)
}
await client.close()
await distributor.close({ deadlineMs: 1_000 })
await engine.close()
rmSync(dir, { recursive: true, force: true })
