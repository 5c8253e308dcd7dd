/** Celery's two processes are Python; a process of ours holds each by its standard streams, so that all systems are asked in the same way. */

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findCelery } from '../../scripts/programs.mjs'

const FOLDER = import.meta.dirname

/** @param onLine a line of its standard output */
export function startPython(
  address: string,
  args: readonly string[],
  onLine: (line: string) => void,
): ChildProcess {
  const python = findCelery()
  if (python === null) throw new Error('Celery is not installed (Debian: python3-celery)')
  const child = spawn(python, [...args], {
    cwd: FOLDER,
    env: { ...process.env, CELERY_BENCH_BROKER: address, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin!.on('error', () => undefined)
  createInterface({ input: child.stdout! }).on('line', onLine)
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

export const CELERY_TASKS = join(FOLDER, 'celery_tasks.py')
