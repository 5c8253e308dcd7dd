/**
 * Builds the web page (dashboard/) into dist/dashboard, and its files once more compressed: the server hands out what is there and compresses nothing itself.
 *
 * Invariants: nothing is started when nothing changed; a server that runs meanwhile finds the old page or the new one, never half of one.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { filesUnder, fingerprintOf, root, runOrStop } from './ground.mjs'

const PAGE = join(root, 'dashboard')
const BUILT = join(root, 'dist/dashboard')
const STAMP = join(root, 'dist/.dashboard-built-from')
/** Smaller files do not get smaller. */
const COMPRESSED_BYTES_MIN = 1024

export function buildPageIfNeeded(node) {
  // The page knows the states of a task, and the shapes of answers, from the server's own sources.
  const fingerprint = fingerprintOf([
    ...filesUnder(PAGE, ''),
    ...filesUnder(join(root, 'src/task'), '.ts'),
    join(root, 'scripts/page.mjs'),
    join(root, 'package-lock.json'),
  ])
  if (
    existsSync(join(BUILT, 'index.html')) &&
    existsSync(STAMP) &&
    readFileSync(STAMP, 'utf8') === fingerprint
  )
    return
  const fresh = join(root, `dist/.dashboard-${process.pid}`)
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const config = join(PAGE, 'vite.config.mjs')
  mkdirSync(dirname(fresh), { recursive: true })
  runOrStop('vite build', node, [
    vite,
    'build',
    PAGE,
    '--config',
    config,
    '--outDir',
    fresh,
    '--logLevel',
    'warn',
  ])
  for (const path of readdirSync(fresh, { recursive: true, withFileTypes: true })) {
    if (path.isFile()) compress(join(path.parentPath ?? path.path, path.name))
  }
  putInPlace(fresh)
  writeFileSync(STAMP, fingerprint)
}

/** Somebody may build the same at the same time: the last one to come stays, and whoever cannot put his in place has lost nothing. */
function putInPlace(fresh) {
  const former = `${fresh}-former`
  try {
    if (existsSync(BUILT)) renameSync(BUILT, former)
    renameSync(fresh, BUILT)
  } catch (error) {
    if (!existsSync(join(BUILT, 'index.html'))) throw error
    rmSync(fresh, { recursive: true, force: true })
  }
  rmSync(former, { recursive: true, force: true })
}

function compress(path) {
  const content = readFileSync(path)
  if (content.length < COMPRESSED_BYTES_MIN) return
  const options = { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }
  writeFileSync(`${path}.br`, brotliCompressSync(content, options))
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }))
}
