/**
 * A server program of somebody else as a direct child: killed by pid, its end awaited, its output kept for the message of a failure.
 *
 * Invariant: it never outlives the process that started it. On Linux the kernel sees to that (`setpriv --pdeathsig`), also when this
 * process is killed with -9; elsewhere it is killed when this process exits.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findProgram } from '../../scripts/programs.mjs'

/** Slow is normal on a machine that runs several test files at once. */
const READY_DEADLINE_MS = 90_000
const LOOK_MS = 20
const TOOL_TIMEOUT_MS = 60_000
const TOOL_OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const TAIL_CHARACTERS = 4_000

const setpriv = process.platform === 'linux' ? findProgram('setpriv') : null
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

export interface DaemonSetting {
  readonly command: string
  readonly parameters: readonly string[]
  /** Its output goes to a file here. */
  readonly folder: string
  readonly env?: NodeJS.ProcessEnv
  /** For programs that refuse to run as root; ignored where this process is not root. */
  readonly user?: string
  /** What tells it to end at once and to leave nothing behind, when this process dies. */
  readonly deathSignal?: 'KILL' | 'QUIT' | 'TERM'
}

export class Daemon {
  readonly pid: number
  readonly exited: Promise<string>
  readonly #child: ChildProcess
  readonly #name: string
  readonly #outputFile: string
  #end: string | null = null

  private constructor(child: ChildProcess, name: string, outputFile: string) {
    this.#child = child
    this.#name = name
    this.#outputFile = outputFile
    this.pid = child.pid ?? 0
    alive.add(child)
    this.exited = new Promise((resolve) => {
      const ended = (how: string) => {
        alive.delete(child)
        this.#end = how
        resolve(how)
      }
      child.once('error', (error) => ended(error.message))
      child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`))
    })
  }

  static start({ command, parameters, folder, env, user, deathSignal = 'KILL' }: DaemonSetting): Daemon {
    const name = basename(command)
    const outputFile = join(folder, `${name}.out`)
    const output = openSync(outputFile, 'a')
    try {
      const [program, ...rest] = [...asUser(user, deathSignal), command, ...parameters]
      const child = spawn(program!, rest, {
        cwd: '/',
        stdio: ['ignore', output, output],
        env: env ?? process.env,
      })
      return new Daemon(child, name, outputFile)
    } finally {
      closeSync(output)
    }
  }

  /** How it ended, or null while it runs. */
  get ended(): string | null {
    return this.#end
  }

  /** The end of what it said. */
  get output(): string {
    return readFileSync(this.#outputFile, 'utf8').slice(-TAIL_CHARACTERS)
  }

  /** Without waiting for what follows from it. */
  signal(signal: NodeJS.Signals): void {
    if (this.#end === null) this.#child.kill(signal)
  }

  /** Sends a signal that ends it, and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.signal(signal)
    // A stopped process takes no signal but KILL.
    if (signal !== 'SIGKILL') this.signal('SIGCONT')
    await this.exited
  }

  /** Waits until `look` says yes; fails at once when it has ended, with what it said. */
  async ready(look: () => Promise<boolean>): Promise<void> {
    const untilMs = Date.now() + READY_DEADLINE_MS
    while (!(await look())) {
      if (this.#end !== null) throw new Error(`${this.#name} ended (${this.#end}):\n${this.output}`)
      if (Date.now() > untilMs) throw new Error(`${this.#name} did not get ready:\n${this.output}`)
      await delay(LOOK_MS)
    }
  }
}

export interface ToolSetting {
  readonly env?: NodeJS.ProcessEnv
  readonly user?: string
}

/** A program that does one thing and ends, with a deadline; answers with its standard output. Some wait for a dead server for ever. */
export async function runTool(
  command: string,
  parameters: readonly string[],
  { env = process.env, user }: ToolSetting = {},
): Promise<string> {
  const [program, ...rest] = [...asUser(user, 'KILL'), command, ...parameters]
  const limits = {
    timeout: TOOL_TIMEOUT_MS,
    maxBuffer: TOOL_OUTPUT_BYTES_MAX,
    killSignal: 'SIGKILL',
  } as const
  const { stdout } = await promisify(execFile)(program!, rest, { ...limits, env, cwd: '/' })
  return stdout
}

/** What goes before a command so that it runs as another user, and dies with this process. */
function asUser(user: string | undefined, deathSignal: string): string[] {
  const other = user !== undefined && process.getuid?.() === 0
  if (setpriv === null) {
    if (other) throw new Error(`running as ${user} wants setpriv (Debian: util-linux)`)
    return []
  }
  const identity = other ? [`--reuid=${user}`, `--regid=${user}`, '--clear-groups'] : []
  return [setpriv, '--pdeathsig', deathSignal, ...identity]
}

/** Whether somebody accepts connections there. */
export async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}
