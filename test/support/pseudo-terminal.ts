/**
 * A command on a terminal of its own: keys as they would be pressed, a size that changes, and what came on the screen. Python's standard
 * library makes the terminal; Node has nothing for it.
 */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { eventually } from './eventually.ts'
import { atEnd } from './temporary.ts'

const DEADLINE_MS = 90_000
/** With which `chasqui top` begins and ends each picture. */
const [BEGIN, END] = ['\x1b[?2026h', '\x1b[?2026l']

export interface TerminalEnd {
  readonly code: number | null
  readonly signal: string | null
  /** Local modes of the terminal before the command and after it. */
  readonly modes: readonly [number, number]
}

export interface PseudoTerminal {
  /** Of the command. */
  readonly pid: number
  /** All that came, as it came. */
  readonly text: string
  /** The lines of the newest whole picture, without colours. */
  picture(): readonly string[]
  /** Resolves with the first picture, there or to come, of which that is so. */
  until(what: string, isSo: (lines: readonly string[]) => boolean): Promise<readonly string[]>
  press(keys: string): void
  resize(columns: number, rows: number): void
  signal(number: number): void
  readonly ended: Promise<TerminalEnd>
}

interface Told {
  readonly pid?: number
  readonly out?: string
  readonly end?: TerminalEnd
}

export async function openPseudoTerminal(
  context: TestContext,
  {
    columns,
    rows,
    env,
  }: { readonly columns: number; readonly rows: number; readonly env: NodeJS.ProcessEnv },
  command: readonly string[],
): Promise<PseudoTerminal> {
  const script = join(import.meta.dirname, 'pseudo_terminal.py')
  const child = spawn('python3', [script, String(columns), String(rows), ...command], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env,
  })
  child.stdin.on('error', () => {})
  const ended = Promise.withResolvers<TerminalEnd>()
  const started = Promise.withResolvers<number>()
  ended.promise.catch(() => {})
  let text = ''
  // A character may come in two parts.
  const decoder = new TextDecoder()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { pid, out, end } = JSON.parse(line) as Told
    if (pid !== undefined) started.resolve(pid)
    if (out !== undefined) text += decoder.decode(Buffer.from(out, 'base64'), { stream: true })
    if (end !== undefined) ended.resolve(end)
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  void exited.then(() => {
    const error = new Error('the terminal ended without a word')
    started.reject(error)
    ended.reject(error)
  })
  atEnd(context, async () => {
    // The command is killed when this ends.
    child.stdin.end()
    await exited
  })
  const order = (message: unknown) => void child.stdin.write(`${JSON.stringify(message)}\n`)
  const picture = () => {
    // From the end on, for it is asked often while the text grows.
    const end = text.lastIndexOf(END)
    const begin = text.lastIndexOf(BEGIN, end)
    const last = begin < 0 ? '' : text.slice(begin + BEGIN.length, end)
    return last.split(/\r*\n/).map((line) => stripVTControlCharacters(line))
  }
  return {
    pid: await started.promise,
    get text() {
      return text
    },
    picture,
    async until(what, isSo) {
      try {
        await eventually(what, () => isSo(picture()), DEADLINE_MS)
      } catch {
        assert.fail(`not on the screen: ${what}\n${picture().join('\n')}\n${text.slice(-500)}`)
      }
      return picture()
    },
    press: (keys) => order({ keys }),
    resize: (toColumns, toRows) => order({ size: [toColumns, toRows] }),
    signal: (number) => order({ signal: number }),
    ended: ended.promise,
  }
}
