/**
 * The processes of a measurement: started with a leash (they end when this process ends, however), asked over their channel, ended by
 * their own pid. Invariant: `endAll` leaves none behind.
 */

import { type ChildProcess, type ForkOptions, fork, spawn } from 'node:child_process'

/** A request that takes longer than this has failed; the longest is the fill of a million. */
const ANSWER_MS = 180_000
const STOP_MS = 15_000
/** Characters of its output that are kept. */
const KEPT_LENGTH_MAX = 4_000

const alive = new Set<Child>()

export function endAll(): void {
  for (const child of alive) child.kill()
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }

/** One running process of ours. */
export class Child {
  readonly #process: ChildProcess
  readonly #name: string
  readonly exited: Promise<void>
  readonly #open = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  #nextId = 1
  #said = ''
  #complained = ''

  constructor(name: string, process: ChildProcess) {
    this.#name = name
    this.#process = process
    alive.add(this)
    process.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said = (this.#said + chunk).slice(0, KEPT_LENGTH_MAX)
    })
    process.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#complained = (this.#complained + chunk).slice(-KEPT_LENGTH_MAX)
    })
    this.exited = new Promise((resolve) => {
      const gone = () => {
        alive.delete(this)
        const error = new Error(`${name} ended early: ${this.output || 'it said nothing'}`)
        for (const { reject } of this.#open.values()) reject(error)
        this.#open.clear()
        resolve()
      }
      process.once('exit', gone)
      process.once('error', gone)
    })
    process.on('message', (answer: Answer) => {
      const open = this.#open.get(answer.id)
      this.#open.delete(answer.id)
      if ('error' in answer) open?.reject(new Error(`${name}: ${answer.error}`))
      else open?.resolve(answer.value as never)
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** The beginning of its standard output. */
  get said(): string {
    return this.#said
  }

  /** The end of both, for a message that says why it failed. */
  get output(): string {
    return `${this.#said.slice(-KEPT_LENGTH_MAX / 4)} ${this.#complained.slice(-KEPT_LENGTH_MAX / 4)}`.trim()
  }

  ask<Value>(what: string, ...args: unknown[]): Promise<Value> {
    const id = this.#nextId++
    return new Promise<Value>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#name} did not answer ${what}`)), ANSWER_MS)
      const settled =
        <Given>(settle: (given: Given) => void) =>
        (given: Given) => {
          clearTimeout(timer)
          settle(given)
        }
      this.#open.set(id, { resolve: settled(resolve), reject: settled(reject) })
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        this.#open.get(id)!.reject(new Error(`${this.#name} has ended: ${this.output}`))
      } else this.#process.send({ id, what, args })
    })
  }

  /** Lets it end in its own way; kills it when it does not. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#process.kill(signal)
    const timer = setTimeout(() => this.kill(), STOP_MS)
    await this.exited
    clearTimeout(timer)
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }
}

/** A Node process; `execArgv` are arguments of Node itself. */
export function startNode(
  name: string,
  file: string,
  args: readonly string[],
  execArgv: readonly string[],
): Child {
  const options: ForkOptions = { execArgv: [...execArgv], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }
  return new Child(name, fork(file, [...args], options))
}

/** A foreign program, which knows no leash: it is killed by `endAll` and by the owner's `stop`. */
export function startProgram(name: string, command: string, args: readonly string[]): Child {
  return new Child(name, spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'] }))
}
