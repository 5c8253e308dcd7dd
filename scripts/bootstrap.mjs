/**
 * Makes a clone ready to run: installs what the lock file names, builds `dist/`, and finds the pinned runtime.
 *
 * Runs on whatever Node the machine has (18 or newer) and on nothing but Node, since nothing is installed yet.
 * Invariant: when nothing changed it starts no process at all; what "changed" means is compared by content, not by guess.
 */

import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesUnder, fingerprintOf, root, runOrStop, stop } from './ground.mjs'
import { buildPageIfNeeded } from './page.mjs'

export { filesUnder, root, runOrStop, stop }

const OLDEST_NODE = 18
const PINNED_NODE = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node')
/** Remembers what `dist/` was built from. */
const BUILD_STAMP = join(root, 'dist/.built-from')

/** Installs and builds where needed, and answers with the path of the Node that runs Chasqui. */
export function bootstrap({ build = true } = {}) {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    stop(`Chasqui needs Node ${OLDEST_NODE} or newer to install its own; this is ${process.version}.`)
  }
  installIfNeeded()
  const node = pinnedNode()
  if (build) {
    buildIfNeeded(node)
    buildPageIfNeeded(node)
  }
  return node
}

/** What is being done goes to standard error, so that standard output belongs to the program itself. */
function say(sentence) {
  process.stderr.write(`chasqui: ${sentence}\n`)
}

function installIfNeeded() {
  const reason = whyInstall()
  if (reason === null) return
  say(`installing dependencies (${reason}) …`)
  runOrStop('npm ci', process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund'])
}

/**
 * npm keeps a copy of the lock file of what it really installed; the two are compared package by package. Times of files say
 * nothing: a checkout sets them all to now.
 */
function whyInstall() {
  const wanted = readLock(join(root, 'package-lock.json'))
  const installed = readLock(join(root, 'node_modules/.package-lock.json'))
  if (wanted === null) stop('package-lock.json is missing or not readable; is this a complete clone?')
  if (installed === null) return 'nothing is installed yet'
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.optional || entry.devOptional || entry.peer) continue
    if (installed[path]?.version !== entry.version)
      return `${path.replace(/^.*node_modules\//, '')} is not up to date`
  }
  return null
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return null
  }
}

/** The pinned one; where install scripts are switched off it is missing, and a new enough Node of the machine does as well. */
function pinnedNode() {
  if (existsSync(PINNED_NODE)) return PINNED_NODE
  const needed = Number(
    JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace(/\D/g, ''),
  )
  if (Number(process.versions.node.split('.')[0]) >= needed) return process.execPath
  return stop(
    `the pinned Node is not in node_modules (are install scripts off?) and ${process.version} is too old; ` +
      `install Node ${needed}, or run: npm rebuild node`,
  )
}

function buildIfNeeded(node) {
  const sources = filesUnder(join(root, 'src'), '.ts')
  const fingerprint = fingerprintOf([
    ...sources,
    join(root, 'tsconfig.json'),
    join(root, 'tsconfig.build.json'),
  ])
  if (existsSync(BUILD_STAMP) && readFileSync(BUILD_STAMP, 'utf8') === fingerprint) return
  // Without its stamp a dist/ is of unknown origin.
  if (!existsSync(BUILD_STAMP)) rmSync(join(root, 'dist'), { recursive: true, force: true })
  removeOrphans(sources)
  runOrStop('tsc', node, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'])
  mkdirSync(dirname(BUILD_STAMP), { recursive: true })
  // Draws /openapi.json at /docs; not for Node, so with a name that the build above does not take for its own.
  copyFileSync(join(root, 'node_modules/rapidoc/dist/rapidoc-min.js'), join(root, 'dist/rapidoc.mjs'))
  writeFileSync(BUILD_STAMP, fingerprint)
}

/** Outputs whose source is gone would otherwise stay importable for ever. */
function removeOrphans(sources) {
  const outputs = new Set(sources.map((path) => relative(join(root, 'src'), path).replace(/\.ts$/, '')))
  const page = join(root, 'dist/dashboard')
  for (const path of filesUnder(join(root, 'dist'), '.js').concat(filesUnder(join(root, 'dist'), '.d.ts'))) {
    if (path.startsWith(page)) continue
    const name = relative(join(root, 'dist'), path).replace(/(\.d\.ts|\.js)$/, '')
    if (!outputs.has(name)) rmSync(path)
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) bootstrap()
