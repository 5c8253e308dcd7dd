/** A worker with real threads on a memory engine, for one test. Everything waits for facts, with a deadline. */

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Engine } from '../../../src/engine/engine.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import type { Submission, TaskOptions, TaskRecord } from '../../../src/task/task.ts'
import type { WorkerOptions } from '../../../src/worker/options.ts'
import { openWorker, type Worker } from '../../../src/worker/worker.ts'
import { submission } from '../../support/submissions.ts'

/** Far more than anything here takes; only a bug meets it. */
export const DEADLINE_MS = 30_000
export const HANDLERS = fileURLToPath(new URL('./handlers.ts', import.meta.url))

export interface Bench {
  readonly engine: Engine
  readonly worker: Worker
  /** Log events as `name reason`. */
  readonly events: string[]
  /** A new journal file. */
  journal(): Journal
  submit(
    type: string,
    data: unknown,
    options?: TaskOptions & { id?: string; queue?: string; priority?: number },
  ): Promise<string>
  /** The records of these tasks, once they are final. */
  final(...ids: string[]): Promise<TaskRecord[]>
}

export interface Journal {
  readonly file: string
  lines(): string[]
  /** Resolves once this many lines were written, or fails at the deadline. */
  until(count: number): Promise<string[]>
  /** Lets `gate` handlers of this journal pass. */
  go(): void
}

export interface BenchOptions extends Partial<WorkerOptions> {
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
  /** Puts something between worker and engine. */
  readonly wrap?: (engine: Engine) => Engine
}

let taskCount = 0

export async function openBench(
  context: TestContext,
  { leaseMs, reconnectGraceMs, wrap = (engine) => engine, ...options }: BenchOptions = {},
): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'chasqui-worker-'))
  const engine = openMemoryEngine({
    ...(leaseMs !== undefined && { leaseMs }),
    ...(reconnectGraceMs !== undefined && { reconnectGraceMs }),
  })
  const events: string[] = []
  const worker = openWorker({
    concurrency: 1,
    threads: 1,
    modules: [HANDLERS],
    log: { event: (name, fields) => void events.push(`${name} ${JSON.stringify(fields ?? {})}`) },
    ...options,
    engine: wrap(engine),
  })
  context.after(async () => {
    await worker.stopNow()
    await engine.close()
    rmSync(folder, { recursive: true })
  })
  await worker.ready
  let journals = 0
  return {
    engine,
    worker,
    events,
    journal: () => openJournal(join(folder, `journal-${journals++}`)),
    async submit(type, data, { id = `task-${taskCount++}`, queue, priority, ...taskOptions } = {}) {
      const task: Submission = submission(id, {
        type,
        dataText: JSON.stringify(data) ?? 'null',
        ...(queue !== undefined && { queue }),
        ...(priority !== undefined && { priority }),
        options: taskOptions,
      })
      const [receipt] = await engine.submit([task], 'memory')
      assert.ok(receipt !== undefined && 'state' in receipt, JSON.stringify(receipt))
      return id
    },
    async final(...ids) {
      const records = await engine.wait(ids, DEADLINE_MS)
      for (const [at, record] of records.entries()) {
        assert.ok(
          record?.finishedAtMs !== undefined,
          `task ${ids[at]} is not final: ${JSON.stringify(record)}`,
        )
      }
      return records as TaskRecord[]
    },
  }
}

function openJournal(file: string): Journal {
  const lines = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [])
  return {
    file,
    lines,
    async until(count) {
      await until(`${count} lines in the journal`, () => lines().length >= count, lines)
      return lines()
    },
    go: () => writeFileSync(`${file}.go`, ''),
  }
}

/** Asks again and again until it is so. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  seen: () => unknown = () => '',
): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS
  while (!(await isSo())) {
    assert.ok(performance.now() < deadlineMs, `did not happen: ${what}; ${JSON.stringify(seen())}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
