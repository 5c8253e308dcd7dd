/**
 * The terminal of `chasqui top`: a screen of its own, keys as they are pressed, its size, and the way back.
 *
 * Invariant: however the process ends (but for SIGKILL), the terminal is left as it was found: its own screen, a cursor, lines and echo.
 */

import { writeSync } from 'node:fs'
import ansiEscapes from 'ansi-escapes'
import type { Size } from './frame.ts'

export type Key =
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'pageUp'
  | 'pageDown'
  | 'home'
  | 'tab'
  | 'interrupt'
  | 'suspend'
  | (string & {})

export interface TerminalEvents {
  onKey(key: Key): void
  onResize(): void
}

export interface Terminal {
  readonly size: Size
  /** The whole screen; left out while the terminal still has the one before. */
  draw(lines: readonly string[]): void
  /** Back to the shell until it says `fg`. */
  suspend(): void
  /** Puts everything back. Repeatable. */
  close(): void
}

/** What terminals send; the second form of some is that of the application mode. */
const KEYS: Readonly<Record<string, Key>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  '\x1b[C': 'right',
  '\x1bOC': 'right',
  '\x1b[D': 'left',
  '\x1bOD': 'left',
  '\x1b[Z': 'left',
  '\x1b[5~': 'pageUp',
  '\x1b[6~': 'pageDown',
  '\x1b[H': 'home',
  '\x1b[1~': 'home',
  '\t': 'tab',
  '\x03': 'interrupt',
  '\x1a': 'suspend',
}

const ANY_KEY = /\x1b[[O][\d;]*[A-Za-z~]|[\s\S]/gu

/** Several may come at once. */
export function keysOf(text: string): Key[] {
  return (text.match(ANY_KEY) ?? []).map((part) => KEYS[part] ?? part)
}

const ENTER = ansiEscapes.enterAlternativeScreen + ansiEscapes.cursorHide + ansiEscapes.clearViewport
const LEAVE = ansiEscapes.cursorShow + ansiEscapes.exitAlternativeScreen

/** Only where standard output is a terminal. Standard input need not be one: then there are no keys. */
export function openTerminal({ onKey, onResize }: TerminalEvents): Terminal {
  const { stdin, stdout } = process
  const onData = (data: Buffer) => {
    for (const key of keysOf(data.toString())) onKey(key)
  }
  let isIn = false
  const enter = () => {
    isIn = true
    stdout.write(ENTER)
    if (!stdin.isTTY) return
    stdin.setRawMode(true)
    stdin.on('data', onData).resume()
  }
  const leave = () => {
    if (!isIn) return
    isIn = false
    if (stdin.isTTY) {
      stdin.off('data', onData).pause()
      stdin.setRawMode(false)
    }
    // At once, for the process may be about to end.
    try {
      writeSync(stdout.fd, LEAVE)
    } catch {
      // The terminal is gone: nothing is left to put back.
    }
  }
  let continuing: NodeJS.Timeout | null = null
  stdout.on('resize', onResize)
  process.on('exit', leave)
  enter()
  return {
    get size() {
      return { columns: stdout.columns || 80, rows: stdout.rows || 24 }
    },
    draw(lines) {
      if (!isIn || stdout.writableNeedDrain) return
      const text = lines.map((line) => line + ansiEscapes.eraseEndLine).join('\r\n')
      stdout.write(ansiEscapes.synchronizedOutput(ansiEscapes.cursorTo(0, 0) + text + ansiEscapes.eraseDown))
    },
    suspend() {
      leave()
      process.kill(process.pid, 'SIGTSTP')
      // Timers stand still as long as it is stopped. Where no shell could let it go on, the system does not stop it at all.
      continuing = setTimeout(() => {
        enter()
        onResize()
      }, 0)
    },
    close() {
      stdout.off('resize', onResize)
      process.off('exit', leave)
      if (continuing !== null) clearTimeout(continuing)
      leave()
    },
  }
}
