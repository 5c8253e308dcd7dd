/**
 * The worker processes of `chasqui up`: started, started again when they die (later each time), stopped.
 *
 * Each child has a pipe as its standard input and drains when that ends. So nothing is left behind even when this process is killed:
 * the system closes the pipe, whatever happened here.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { type Clock, systemClock, type Timer } from '../task/clock.ts'
import { RESTART_MAX_MS, RESTART_MIN_MS, RESTART_STEADY_MS, STOP_MARGIN_MS } from '../task/limits.ts'

export interface WorkerProcessesOptions {
  readonly count: number
  /** The arguments of the Node that runs this process; the child must drain when its standard input ends. */
  readonly args: readonly string[]
  /** Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** How long a child may take to drain. */
  readonly drainMs: number
  readonly onEvent: (event: WorkerProcessEvent) => void
  readonly clock?: Clock
}

export type WorkerProcessEvent =
  | { readonly kind: 'started'; readonly pid: number }
  /** `restartMs`: it is started again after that; null: it was told to stop. */
  | {
      readonly kind: 'ended'
      readonly pid: number | undefined
      /** null: a signal, or it could not be started. */
      readonly exitCode: number | null
      readonly why: string
      readonly restartMs: number | null
    }

export interface WorkerProcesses {
  /** Of those that run now. */
  readonly pids: readonly number[]
  /** Lets all of them drain and resolves when none is left; one that takes too long is killed. Repeatable. */
  close(): Promise<void>
  /** Ends them without a drain. */
  kill(): void
}

export function startWorkerProcesses(options: WorkerProcessesOptions): WorkerProcesses {
  const keepers = Array.from({ length: options.count }, () => new Keeper(options))
  return {
    get pids() {
      return keepers.flatMap((keeper) => keeper.pid ?? [])
    },
    async close() {
      await Promise.all(keepers.map((keeper) => keeper.close()))
    },
    kill() {
      for (const keeper of keepers) keeper.kill()
    },
  }
}

/** Keeps one worker process running. */
class Keeper {
  readonly #options: WorkerProcessesOptions
  readonly #clock: Clock
  #child: ChildProcess | null = null
  #exited: Promise<void> = Promise.resolve()
  #restart: Timer | null = null
  #restartMs = RESTART_MIN_MS
  #closing = false

  constructor(options: WorkerProcessesOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#start()
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#restart?.cancel()
    const child = this.#child
    if (child === null) return
    child.stdin?.end()
    const tooLong = this.#clock.at(this.#clock.nowMs() + this.#options.drainMs + STOP_MARGIN_MS, () =>
      child.kill('SIGKILL'),
    )
    await this.#exited
    tooLong.cancel()
  }

  kill(): void {
    this.#closing = true
    this.#restart?.cancel()
    this.#child?.kill('SIGKILL')
  }

  #start(): void {
    const startedAtMs = this.#clock.nowMs()
    const child = spawn(process.execPath, this.#options.args, {
      stdio: ['pipe', 'inherit', 'inherit'],
      ...(this.#options.env !== undefined && { env: this.#options.env }),
    })
    this.#child = child
    // A child that is gone already makes the pipe fail; its exit says all there is to say.
    child.stdin.on('error', () => {})
    if (child.pid !== undefined) this.#options.onEvent({ kind: 'started', pid: child.pid })
    this.#exited = new Promise((resolve) => {
      const ended = (exitCode: number | null, why: string) => {
        this.#child = null
        resolve()
        this.#ended({ pid: child.pid, exitCode, why }, this.#clock.nowMs() - startedAtMs)
      }
      child.once('exit', (code, signal) =>
        ended(code, signal === null ? `exit code ${code}` : `signal ${signal}`),
      )
      child.once('error', (error) => {
        if (child.pid === undefined) ended(null, error.message)
      })
    })
  }

  #ended(end: { pid: number | undefined; exitCode: number | null; why: string }, livedMs: number): void {
    if (this.#closing) {
      this.#options.onEvent({ kind: 'ended', ...end, restartMs: null })
      return
    }
    if (livedMs >= RESTART_STEADY_MS) this.#restartMs = RESTART_MIN_MS
    const restartMs = this.#restartMs
    this.#restartMs = Math.min(RESTART_MAX_MS, restartMs * 2)
    this.#restart = this.#clock.at(this.#clock.nowMs() + restartMs, () => this.#start())
    this.#options.onEvent({ kind: 'ended', ...end, restartMs })
  }
}
