/**
 * What the scripts stand on: where the repository is, its files, and programs run in the foreground.
 *
 * Runs on whatever Node the machine has (18 or newer) and on nothing but Node, as bootstrap.mjs does.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Runs a program in the foreground; a program that fails ends this one with a sentence. */
export function runOrStop(what, command, args) {
  const run = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell: needsShell(command) })
  if (run.error) stop(`${what} could not start: ${run.error.message}`)
  if (run.status !== 0)
    stop(`${what} failed (${run.signal ?? `exit code ${run.status}`}); its output is above.`)
}

export function stop(sentence) {
  process.stderr.write(`chasqui: ${sentence}\n`)
  process.exit(1)
}

export function filesUnder(folder, ending) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesUnder(path, ending)
    return entry.name.endsWith(ending) ? [path] : []
  })
}

/** Changes when a file comes, goes or changes. */
export function fingerprintOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths.sort()) {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${relative(root, path)} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

function needsShell(command) {
  return command.endsWith('.cmd')
}
