/**
 * What handlers did, in a file that outlives every process: one line when an attempt starts and one when it ends, appended
 * in one write each (O_APPEND), so that lines of several processes never mix and a kill loses none that was written.
 */

import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs'

/** Where the log is, for processes that a test starts. */
export const RUN_LOG_VARIABLE = 'CHASQUI_TEST_RUN_LOG'

/** `returned` and `threw` are what the handler is about to do; `aborted`: its signal ended it. */
export type RunMoment = 'start' | 'returned' | 'threw' | 'aborted'

export interface Run {
  readonly moment: RunMoment
  readonly id: string
  readonly attempt: number
  readonly pid: number
  readonly atMs: number
  /** Of `returned`: what tells its value from that of any other run. */
  readonly mark?: string
}

export function openRunWriter(path: string): (run: Run) => void {
  const file = openSync(path, 'a')
  return (run) => void writeSync(file, `${JSON.stringify(run)}\n`)
}

/** Reads on where it stopped the last time. */
export class RunReader {
  readonly #path: string
  #offset = 0
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  read(): Run[] {
    if (!existsSync(this.#path)) return []
    const file = openSync(this.#path, 'r')
    const runs: Run[] = []
    try {
      const chunk = Buffer.alloc(256 * 1024)
      for (;;) {
        const count = readSync(file, chunk, 0, chunk.length, this.#offset)
        if (count === 0) return runs
        this.#offset += count
        const lines = (this.#rest + chunk.toString('utf8', 0, count)).split('\n')
        this.#rest = lines.pop()!
        for (const line of lines) runs.push(JSON.parse(line) as Run)
      }
    } finally {
      closeSync(file)
    }
  }
}
