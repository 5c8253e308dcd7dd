/**
 * The whole system as real processes of one test: a distributor on one folder and port (or several on one cluster, see cluster-system.ts),
 * workers, clients. Faults are made by the test; what everybody saw is collected in one history, and `judge` ends everything in order and
 * asks the checker.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { EngineReport } from '../../src/engine/engine.ts'
import { openRemoteEngine, type RemoteEngine } from '../../src/engine/remote/remote-engine.ts'
import { LIST_LIMIT_MAX } from '../../src/task/limits.ts'
import type { Submission, TaskRecord } from '../../src/task/task.ts'
import type { FaultClientSetting } from '../support/fault-client.ts'
import type { FaultWorkerSetting } from '../support/fault-worker.ts'
import { type LineProcess, runLines } from '../support/lines.ts'
import { createRandom, type Random } from '../support/random.ts'
import { RUN_LOG_VARIABLE, RunReader } from '../support/run-log.ts'
import { atEnd, temporaryFolder } from '../support/temporary.ts'
import { type CheckOptions, check, type Judgement } from './checker.ts'
import { createHistory, type History, note, type Observation } from './history.ts'
import { lookAtStore, type StoreLook } from './store-file.ts'

const COMMAND = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const TASKS = fileURLToPath(new URL('../support/fault-tasks.ts', import.meta.url))
const CLIENT = fileURLToPath(new URL('../support/fault-client.ts', import.meta.url))
const WORKER = fileURLToPath(new URL('../support/fault-worker.ts', import.meta.url))

/** Every wait for a fact. On a busy machine a process alone may take seconds to start. */
const DEADLINE_MS = 60_000
const LOOK_MS = 15
const SHOWN_MAX = 20

/** How much longer than in CI a campaign is: `CHASQUI_FAULT_ROUNDS=20 npm run faults`. */
export const ROUNDS = Math.max(1, Number(process.env.CHASQUI_FAULT_ROUNDS ?? 1))

export interface SystemOptions {
  readonly leaseMs?: number
  readonly reconnectGraceMs?: number
  /** `--engine …` and what belongs to it. Default: embedded, in a folder of the test's own. */
  readonly engine?: readonly string[]
  /** Added to the environment of every process. */
  readonly env?: NodeJS.ProcessEnv
  /** The store as it lies there when everything has ended. */
  readonly lookAtStore?: () => StoreLook | Promise<StoreLook>
}

export interface ClientOptions extends Omit<FaultClientSetting, 'url' | 'seed'> {
  readonly url?: string
}

export class System {
  readonly dir: string
  readonly history: History = createHistory()
  readonly seed: number
  readonly random: Random
  readonly clients: LineProcess[] = []
  readonly workers: LineProcess[] = []
  /** What the test did, for its summary. */
  readonly counts: Record<string, number> = {}
  readonly #context: TestContext
  readonly #options: SystemOptions
  readonly #runLog: string
  readonly #runs: RunReader
  readonly #linesRead = new Map<LineProcess, number>()
  readonly #distributors: LineProcess[] = []
  readonly #ports: number[] = []
  #engine: RemoteEngine | null = null

  private constructor(context: TestContext, options: SystemOptions) {
    this.#context = context
    this.#options = options
    this.seed = Number(process.env.CHASQUI_SEED ?? Math.floor(Math.random() * 2 ** 32))
    this.random = createRandom(this.seed)
    const folder = temporaryFolder(context, 'faults')
    this.dir = join(folder, 'store')
    this.#runLog = join(folder, 'runs.ndjson')
    this.#runs = new RunReader(this.#runLog)
    context.diagnostic(`CHASQUI_SEED=${this.seed}`)
  }

  static async open(context: TestContext, options: SystemOptions = {}, distributors = 1): Promise<System> {
    const system = new System(context, options)
    for (let no = 0; no < distributors; no++) await system.startDistributor(no)
    return system
  }

  // ---- processes --------------------------------------------------------------------------------------------

  /** Of the first distributor. */
  get url(): string {
    return this.urlOf(0)
  }

  get port(): number {
    return this.portOf(0)
  }

  get distributor(): LineProcess {
    return this.distributorOf(0)
  }

  urlOf(no: number): string {
    return `chasqui://127.0.0.1:${this.portOf(no)}`
  }

  portOf(no: number): number {
    return this.#ports[no]!
  }

  distributorOf(no: number): LineProcess {
    return this.#distributors[no]!
  }

  /** Always on the same store, and after the first time on the same port. `engine`: where it reaches the store by another way. */
  async startDistributor(no = 0, engine = this.#options.engine): Promise<void> {
    const port = String(this.#ports[no] ?? 0)
    const distributor = this.#run([
      ...[COMMAND, 'distributor', '--json', '--port', port, '--http', 'off'],
      ...this.#engineFlags(engine),
    ])
    this.#distributors[no] = distributor
    const ready = await distributor.line('the distributor is ready', (line) => line.includes('"role"'))
    this.#ports[no] = Number(new URL((JSON.parse(ready) as { address: string }).address).port)
  }

  #engineFlags(engine: readonly string[] | undefined): string[] {
    const { leaseMs, reconnectGraceMs } = this.#options
    return [
      ...(engine ?? ['--engine', `embedded:${this.dir}`]),
      ...(leaseMs === undefined ? [] : ['--lease', `${leaseMs}ms`]),
      ...(reconnectGraceMs === undefined ? [] : ['--reconnect-grace', `${reconnectGraceMs}ms`]),
    ]
  }

  /** A worker with the engine in its own process, without a distributor. Resolves when it takes tasks. */
  startDirectWorker(flags: readonly string[] = []): Promise<LineProcess> {
    const worker = this.#run([
      COMMAND,
      'worker',
      TASKS,
      '--json',
      ...this.#engineFlags(this.#options.engine),
      ...flags,
    ])
    this.workers.push(worker)
    return this.#ready(worker)
  }

  /** `chasqui worker`, with flags of its own. Resolves when it takes tasks. */
  startWorker(flags: readonly string[] = [], url = this.url): Promise<LineProcess> {
    return this.#ready(this.beginWorker(flags, url))
  }

  /** Resolves at once. */
  beginWorker(flags: readonly string[] = [], url = this.url): LineProcess {
    const worker = this.#run([COMMAND, 'worker', TASKS, '--json', '--connect', url, ...flags])
    this.workers.push(worker)
    return worker
  }

  /** The same without the command, and quicker to come back. */
  startEagerWorker(concurrency: number, reconnectMaxMs: number, url = this.url): Promise<LineProcess> {
    const setting: FaultWorkerSetting = { url, module: TASKS, concurrency, reconnectMaxMs }
    const worker = this.#run([WORKER, JSON.stringify(setting)])
    this.workers.push(worker)
    return this.#ready(worker)
  }

  async #ready(worker: LineProcess): Promise<LineProcess> {
    await worker.line('the worker is ready', (line) => line.includes('"role"'))
    return worker
  }

  startClient(options: ClientOptions): LineProcess {
    const setting: FaultClientSetting = { url: this.url, seed: this.random.below(2 ** 32), ...options }
    const client = this.#run([CLIENT, JSON.stringify(setting)])
    this.clients.push(client)
    this.#linesRead.set(client, 0)
    return client
  }

  #run(parameters: readonly string[]): LineProcess {
    const env = {
      ...process.env,
      ...this.#options.env,
      [RUN_LOG_VARIABLE]: this.#runLog,
      CHASQUI_HANDLER_ENV: RUN_LOG_VARIABLE,
    }
    return runLines(this.#context, process.execPath, parameters, { env })
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  // ---- facts ------------------------------------------------------------------------------------------------

  /** How often distributors and workers have said so in their logs. */
  troubles(trouble: string): number {
    const said = `"trouble":"${trouble}"`
    return [...this.#distributors, ...this.workers].reduce(
      (sum, { errorText }) => sum + errorText.split(said).length - 1,
      0,
    )
  }

  /** Takes in what was seen since the last look. */
  look(): History {
    for (const [client, read] of this.#linesRead) {
      for (const line of client.lines.slice(read)) note(this.history, JSON.parse(line) as Observation)
      this.#linesRead.set(client, client.lines.length)
    }
    for (const run of this.#runs.read()) this.history.runs.push(run)
    return this.history
  }

  /** Waits for a fact; fails with what went wrong in the processes when it does not become true. */
  async until(what: string, isSo: (history: History) => boolean | Promise<boolean>): Promise<void> {
    const untilMs = Date.now() + DEADLINE_MS
    while (!(await isSo(this.look()))) {
      if (Date.now() > untilMs) assert.fail(`did not come true: ${what}\n${this.#troubles()}`)
      await sleep(LOOK_MS)
    }
  }

  /** An engine of the test's own, straight to the distributor. */
  async engine(): Promise<RemoteEngine> {
    if (this.#engine === null) {
      const engine = await openRemoteEngine({ url: this.url, client: { name: 'test' } })
      atEnd(this.#context, () => engine.close())
      this.#engine = engine
    }
    return this.#engine
  }

  #troubles(): string {
    return [...this.#distributors, ...this.workers, ...this.clients]
      .filter(({ errorText }) => errorText !== '')
      .map(({ child, errorText }) => `---- process ${child.pid}\n${errorText.slice(-2_000)}`)
      .join('\n')
  }

  /** Submits straight from the test, and notes the confirmations. */
  async submit(tasks: readonly Submission[]): Promise<void> {
    const receipts = await (await this.engine()).submit(tasks, 'disk')
    for (const receipt of receipts) {
      assert.ok(!('refused' in receipt), JSON.stringify(receipt))
      note(this.history, { saw: 'confirmation', asked: receipt.id, atMs: Date.now(), ...receipt })
    }
  }

  // ---- the end ----------------------------------------------------------------------------------------------

  /** Lets everything come to its end, closes everything in order, and fails if any promise was broken. */
  async judge(options: CheckOptions): Promise<Judgement> {
    for (const client of this.clients) await this.#endInOrder(client, 'a client')
    const engine = await this.engine()
    const drained = ({ queues }: EngineReport) =>
      queues.every(({ scheduled, queued, running }) => scheduled + queued + running === 0)
    await this.until('every task is final', async () => drained(await engine.inspect()))
    const { confirmations, doubts } = this.look()
    const ids = [...new Set([...confirmations.map(({ id }) => id), ...doubts.map(({ asked }) => asked)])]
    const records = await engine.get(ids)
    const listed = await listAll(engine)
    const report = await engine.inspect()
    await engine.close()
    for (const worker of this.workers) {
      // One that was only just begun does not listen to signals yet.
      if (!isOver(worker)) await this.#ready(worker)
      await this.#endInOrder(worker, 'a worker')
    }
    for (const distributor of this.#distributors) await this.#endInOrder(distributor, 'a distributor')
    const judgement = check(
      this.look(),
      {
        records: new Map(ids.map((id, index) => [id, records[index] ?? null])),
        listed,
        report,
        file: await (this.#options.lookAtStore ?? (() => lookAtStore(this.dir)))(),
      },
      options,
    )
    this.#context.diagnostic(JSON.stringify({ ...this.counts, ...judgement.facts }))
    const { violations } = judgement
    if (violations.length > 0) {
      const shown = violations.slice(0, SHOWN_MAX).join('\n')
      assert.fail(`${violations.length} promises broken, seed ${this.seed}\n${shown}\n${this.#troubles()}`)
    }
    return judgement
  }

  /** Ended by SIGTERM, with success. Those that a test has killed are over already. */
  async #endInOrder(ending: LineProcess, what: string): Promise<void> {
    if (!isOver(ending)) ending.child.kill('SIGTERM')
    const late = new Promise<null>((resolve) => setTimeout(resolve, DEADLINE_MS, null).unref())
    const end = await Promise.race([ending.exited, late])
    // Killed by the test, or told twice to stop.
    if (end?.signal === 'SIGKILL' || end?.code === 143) return
    assert.deepEqual(end, { code: 0, signal: null }, `how ${what} ended: ${ending.errorText.slice(-4_000)}`)
  }
}

function isOver({ child }: LineProcess): boolean {
  return child.signalCode !== null || child.exitCode !== null
}

async function listAll(engine: RemoteEngine): Promise<TaskRecord[]> {
  const all: TaskRecord[] = []
  let cursor: string | null = null
  do {
    const page = await engine.list({ limit: LIST_LIMIT_MAX, ...(cursor !== null && { cursor }) })
    all.push(...page.tasks)
    cursor = page.cursor
  } while (cursor !== null)
  return all
}
