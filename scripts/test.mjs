/**
 * `npm test`: everything that CI runs. `npm test -- wire` runs only the test files whose path contains "wire".
 * Campaigns, which take long, run only when they are named: `npm run faults`.
 *
 * One process a file, run directly under the pinned Node with node:test inside, so that a file that hangs is ended alone, with all
 * its children. Invariant: the last line is `N passed, N failed, N skipped`, and the exit code is 0 only when nothing failed.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bootstrap, filesUnder, root, stop } from './bootstrap.mjs'

/**
 * The order: what is quick and near the cause first. `minutes` is the deadline of one file, `atOnce` how many run side by side
 * (those that start real processes under load want the machine for themselves).
 */
const STAGES = [
  { folder: 'test/tidy', minutes: 1, atOnce: 2 },
  { folder: 'test/unit', minutes: 2, atOnce: 2 },
  { folder: 'test/conformance', minutes: 8, atOnce: 2 },
  { folder: 'test/model', minutes: 5, atOnce: 2 },
  { folder: 'test/e2e', minutes: 5, atOnce: 2 },
  { folder: 'test/faults', minutes: 8, atOnce: 1 },
  { folder: 'test/campaigns', minutes: 10, atOnce: 1, onlyNamed: true },
  { folder: 'test', minutes: 5, atOnce: 1 },
]

const filters = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const node = bootstrap({ build: false })
const reporter = pathToFileURL(join(root, 'scripts/test-reporter.mjs')).href
const scratch = mkdtempSync(join(tmpdir(), 'chasqui-tests-'))
const total = { passed: 0, failed: 0, skipped: 0 }
const failures = []
const skips = []
const running = new Set()
const bed = startBed()

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const child of running) endGroup(child)
    rmSync(scratch, { recursive: true, force: true })
    // It cleans up by itself when its standard input closes.
    process.exit(1)
  })
}

if (filters.length === 0) {
  await runCheck('biome check', [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'check', '.'])
  await runCheck('tsc --noEmit', [join(root, 'node_modules/typescript/bin/tsc'), '--noEmit'])
  await runCheck('tsc --noEmit -p dashboard', [
    join(root, 'node_modules/typescript/bin/tsc'),
    '--noEmit',
    '-p',
    'dashboard',
  ])
  await runCheck('build', [join(root, 'scripts/bootstrap.mjs')])
}
const seen = new Set()
let count = 0
for (const stage of STAGES) {
  const files = filesUnder(join(root, stage.folder), '.test.ts')
    .sort()
    .filter((file) => !seen.has(file))
  for (const file of files) seen.add(file)
  const isLeftOut = stage.onlyNamed === true && filters.length === 0
  const wanted = isLeftOut ? [] : files.filter((file) => isWanted(relative(root, file)))
  count += wanted.length
  await runFiles(wanted, stage)
}
rmSync(scratch, { recursive: true, force: true })
await bed.end()
if (count === 0) stop(`no test file matches ${filters.join(' or ')}.`)
summarize()

/**
 * The servers that test files share (test/support/bed.ts). It starts them when the first file asks, and ends with this process, also when that
 * is killed: its standard input closes then. A group of its own, so that a Ctrl-C leaves it the time to clean up.
 */
function startBed() {
  const folder = mkdtempSync(join(tmpdir(), 'chasqui-bed-'))
  const child = spawn(node, [join(root, 'test/support/bed-process.ts'), folder], {
    cwd: root,
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: process.platform !== 'win32',
  })
  child.stdin.on('error', () => undefined)
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve))
  return {
    socket: join(folder, 'bed.sock'),
    async end() {
      child.stdin.end()
      await ended
    },
  }
}

function isWanted(name) {
  return filters.length === 0 || filters.some((filter) => name.includes(filter))
}

/** A tool that passes or fails as a whole counts as one test. */
async function runCheck(name, args) {
  const startedMs = Date.now()
  const { code, output } = await run(args, 3)
  const passed = code === 0
  record(
    name,
    Date.now() - startedMs,
    passed ? [{ name, kind: 'passed' }] : [{ name, kind: 'failed', text: output }],
  )
}

async function runFiles(files, { minutes, atOnce }) {
  const waiting = [...files]
  const lanes = Math.max(1, Math.min(atOnce, cpus().length))
  const lane = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(file, minutes)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

async function runFile(file, minutes) {
  const name = relative(root, file)
  const report = join(scratch, `${name.replaceAll(/[\\/]/g, '-')}.ndjson`)
  const startedMs = Date.now()
  const args = [`--test-reporter=${reporter}`, `--test-reporter-destination=${report}`, file]
  const { code, signal, timedOut, output } = await run(args, minutes)
  const entries = readReport(report)
  const tests = entries.filter((entry) => entry.kind !== 'note')
  const notes = entries.filter((entry) => entry.kind === 'note').map((entry) => `${entry.text}\n`)
  const ended = timedOut ? `was ended after ${minutes} min` : `ended with ${signal ?? `exit code ${code}`}`
  if (timedOut || (code !== 0 && !tests.some((test) => test.kind === 'failed'))) {
    tests.push({ name: 'the file as a whole', kind: 'failed', text: ended })
  } else if (tests.length === 0) {
    tests.push({ name: 'the file as a whole', kind: 'failed', text: 'ran no test' })
  }
  for (const test of tests) if (test.kind === 'failed') test.output = notes.join('') + output
  record(name, Date.now() - startedMs, tests)
}

function run(args, minutes) {
  return new Promise((resolve) => {
    // A group of its own, so that what a test started ends with it.
    const child = spawn(node, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
      env: { ...process.env, CHASQUI_TEST_BED: bed.socket },
    })
    running.add(child)
    let output = ''
    let timedOut = false
    const keep = (chunk) => {
      // The end of a long output tells more than its beginning.
      output = (output + chunk).slice(-20_000)
    }
    child.stdout.setEncoding('utf8').on('data', keep)
    child.stderr.setEncoding('utf8').on('data', keep)
    const deadline = setTimeout(() => {
      timedOut = true
      endGroup(child)
    }, minutes * 60_000)
    child.once('error', (error) => keep(error.message))
    // 'exit' and not 'close': a grandchild that was left behind may hold the pipe open.
    child.once('exit', (code, signal) => {
      clearTimeout(deadline)
      endGroup(child)
      running.delete(child)
      setImmediate(() => resolve({ code, signal, timedOut, output }))
    })
  })
}

function endGroup(child) {
  try {
    process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL')
  } catch {
    // It is gone already, and so is its group.
  }
}

function readReport(path) {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line))
}

function record(name, tookMs, tests) {
  const count = (kind) => tests.filter((test) => test.kind === kind).length
  const parts = [`${count('passed')} ok`]
  if (count('skipped') > 0) parts.push(`${count('skipped')} skipped`)
  if (count('failed') > 0) parts.push(`${count('failed')} FAILED`)
  process.stdout.write(
    `${count('failed') > 0 ? '✗' : '✓'} ${name}  ${parts.join(', ')}  ${(tookMs / 1000).toFixed(1)} s\n`,
  )
  for (const test of tests) {
    total[test.kind]++
    if (test.kind === 'skipped') skips.push(`${name}: ${test.name}: ${test.text}`)
    if (test.kind !== 'failed') continue
    failures.push({ file: name, ...test })
    process.stdout.write(`    ✗ ${test.name}\n`)
  }
}

function summarize() {
  if (skips.length > 0) process.stdout.write(`\nSkipped:\n${skips.map((skip) => `  - ${skip}\n`).join('')}`)
  for (const { file, name, text, output } of failures) {
    process.stdout.write(`\n──── FAILED ${file}: ${name}\n${indent(text)}\n`)
    if (output && output.trim() !== '') process.stdout.write(`  its output:\n${indent(output.trimEnd())}\n`)
  }
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
  process.exitCode = total.failed === 0 ? 0 : 1
}

function indent(text) {
  return text.replaceAll(/^/gm, '    ')
}
