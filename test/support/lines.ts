/** A child process as its lines: waits for facts on standard output, with a deadline. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import type { TestContext } from 'node:test'
import { atEnd } from './temporary.ts'

const LINE_DEADLINE_MS = 30_000

export interface LineProcess {
  readonly child: ChildProcess
  /** Everything said so far. */
  readonly lines: readonly string[]
  /** What it said on standard error so far. */
  readonly errorText: string
  /** Resolves with the first line, said or to come, that the predicate takes. */
  line(what: string, takes: (line: string) => boolean, deadlineMs?: number): Promise<string>
  /** Kills by pid and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Runs a command; it is killed when the test ends. */
export function runLines(
  context: TestContext,
  command: string,
  parameters: readonly string[],
  { env = process.env }: { readonly env?: NodeJS.ProcessEnv } = {},
): LineProcess {
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env })
  const lines: string[] = []
  const errors: string[] = []
  let wake: (() => void)[] = []
  let rest = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    lines.push(...parts)
    const waiting = wake
    wake = []
    for (const call of waiting) call()
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => {
      resolve({ code, signal })
      for (const call of wake) call()
    })
  })
  let ended = false
  void exited.then(() => {
    ended = true
  })
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (!ended) child.kill(signal)
    await exited
  }
  atEnd(context, () => kill())
  return {
    child,
    lines,
    get errorText() {
      return errors.join('')
    },
    exited,
    kill,
    async line(what, takes, deadlineMs = LINE_DEADLINE_MS) {
      const deadline = Date.now() + deadlineMs
      for (;;) {
        const found = lines.find(takes)
        if (found !== undefined) return found
        if (ended || Date.now() > deadline) {
          assert.fail(`was not said: ${what}\n${lines.slice(-20).join('\n')}\n${errors.join('')}`)
        }
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, deadline - Date.now())
          wake.push(() => {
            clearTimeout(timer)
            resolve()
          })
        })
      }
    },
  }
}
