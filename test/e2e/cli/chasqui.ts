/** The program as a user runs it: real processes, from the source, with a home of their own and no settings of this machine. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { type LineProcess, runLines } from '../../support/lines.ts'
import { temporaryFolder } from '../../support/temporary.ts'

export const root = resolve(import.meta.dirname, '../../..')
export const main = resolve(root, 'src/cli/main.ts')

/** A command that is not done by then hangs. */
const COMMAND_DEADLINE_MS = 60_000

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly input?: string | AsyncIterable<string>
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export function environment(added: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && !/^(CHASQUI_|NODE_|NO_COLOR|FORCE_COLOR)/.test(name),
  )
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...added }
}

/** Runs a command to its end. */
export async function chasqui(args: readonly string[], { input, env, cwd }: RunOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment(env),
    ...(cwd !== undefined && { cwd }),
    timeout: COMMAND_DEADLINE_MS,
    killSignal: 'SIGKILL',
  })
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  child.stdin.on('error', () => {})
  const feed = async () => {
    if (typeof input === 'object') {
      for await (const text of input) if (!child.stdin.write(text)) await once(child.stdin, 'drain')
      child.stdin.end()
    } else child.stdin.end(input ?? '')
  }
  const [[code, signal]] = await Promise.all([once(child, 'close'), feed()])
  return { code, signal, ...texts }
}

/** The values of a command's JSON lines; it must have ended well, or as `code` says. */
export async function chasquiJson<Value = Record<string, unknown>>(
  args: readonly string[],
  options: RunOptions & { readonly code?: number } = {},
): Promise<Value[]> {
  const ended = await chasqui([...args, '--json'], options)
  assert.equal(ended.code, options.code ?? 0, `${args.join(' ')}: ${ended.stderr}`)
  return ended.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Value)
}

export interface Server extends LineProcess {
  readonly pid: number
  /** `chasqui://127.0.0.1:PORT` */
  readonly address: string
  /** `['--connect', address]` */
  readonly connect: readonly string[]
  /** `http://127.0.0.1:PORT`; null: it was not asked to speak HTTP. */
  readonly http: string | null
}

/** Makes it speak HTTP, on a free port. */
export const WITH_HTTP = ['--http', 'on', '--http-port', '0'] as const

/** Starts `distributor` or `up` on a free port and waits until it says that it is up. HTTP is off unless the arguments say otherwise. */
export async function startServer(context: TestContext, args: readonly string[]): Promise<Server> {
  const [command, ...rest] = args
  const server = runLines(context, process.execPath, [
    main,
    command!,
    '--port',
    '0',
    '--http',
    'off',
    '--json',
    ...rest,
  ])
  const line = await server.line('that it is up', (text) => text.startsWith('{"role"'))
  const { address, http = null } = JSON.parse(line) as { address: string; http?: string }
  return {
    ...server,
    get errorText() {
      return server.errorText
    },
    pid: server.child.pid!,
    address,
    connect: ['--connect', address],
    http,
  }
}

/** Starts a worker and waits until it takes tasks. */
export async function startWorker(context: TestContext, args: readonly string[]): Promise<LineProcess> {
  const worker = runLines(context, process.execPath, [main, 'worker', '--json', ...args])
  await worker.line('that it takes tasks', (text) => text.startsWith('{"role":"worker"'))
  return worker
}

/** A system in a folder of its own, with so many workers that take tasks. */
export async function startUp(
  context: TestContext,
  { workers = 1, args = [] }: { readonly workers?: number; readonly args?: readonly string[] } = {},
): Promise<Server> {
  const folder = temporaryFolder(context, 'up')
  // A test that is over has no use for what still runs.
  const own = ['--engine', `embedded:${folder}`, '--workers', String(workers), '--drain', '500ms']
  const server = await startServer(context, ['up', ...own, ...args])
  await workersReady(server, workers)
  return server
}

export interface WireWorker {
  readonly consumer: string
  readonly worker: { readonly id: string; readonly pid: number }
  readonly types: readonly string[] | null
  readonly settled: number
}

/** Resolves with the workers once exactly so many are connected, and `isSo` of them. */
export async function workersReady(
  { address }: Pick<Server, 'address'>,
  count: number,
  isSo: (workers: readonly WireWorker[]) => boolean = () => true,
): Promise<readonly WireWorker[]> {
  await using client = await connect(address)
  const untilMs = Date.now() + COMMAND_DEADLINE_MS
  for (;;) {
    const { consumers } = await client.stats()
    const workers = consumers.map(({ id, ...same }) => ({ consumer: id, ...same }))
    if (workers.length === count && isSo(workers)) return workers
    assert.ok(Date.now() < untilMs, `not ${count} workers: ${JSON.stringify(workers)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Resolves when no process has this id any more (or only its entry in the table is left). */
export async function gone(pid: number): Promise<void> {
  const untilMs = Date.now() + COMMAND_DEADLINE_MS
  while (isRunning(pid)) {
    assert.ok(Date.now() < untilMs, `process ${pid} is still there`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A zombie that nobody has reaped yet does not run. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch (error) {
    // No /proc on this system: the signal was taken, so it is there.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync('/proc/self')
  }
}
