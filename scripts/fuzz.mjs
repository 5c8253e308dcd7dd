/**
 * `npm run fuzz`: a million damaged inputs, wherever a stranger or a slip can put one in. `npm run fuzz -- 100000` divides another number among the doors,
 * `CHASQUI_SEED=…` plays one run again. CI runs the same files with less.
 *
 * Each file checks its own promises: an answer or a close, no bug, no secret in a sentence, neighbours that notice nothing, and memory that does not grow.
 */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { bootstrap, root, stop } from './bootstrap.mjs'

/** What part of all cases goes to which door. */
const DOORS = [
  { what: 'the wire, after authentication', file: 'test/e2e/protocol/fuzz.test.ts', share: 0.35 },
  { what: 'the wire, before authentication', file: 'test/e2e/protocol/fuzz-strangers.test.ts', share: 0.2 },
  { what: 'HTTP', file: 'test/e2e/protocol/fuzz-http.test.ts', share: 0.05 },
  { what: 'the tokens file', file: 'test/unit/distributor/token-file.test.ts', share: 0.15 },
  { what: 'the configuration file', file: 'test/unit/app/config-fuzz.test.ts', share: 0.1 },
  { what: 'PROXY headers, read', file: 'test/unit/wire/proxy-header.test.ts', share: 0.13 },
  { what: 'PROXY headers, on connections', file: 'test/unit/distributor/proxy-fuzz.test.ts', share: 0.02 },
]

const node = bootstrap({ build: false })
const all = Number(process.argv[2] ?? 1_000_000)
if (!Number.isSafeInteger(all) || all < 10_000) stop('how many cases? A whole number from 10000.')
const seed = process.env.CHASQUI_SEED ?? String(Math.floor(Math.random() * 2 ** 32))
console.log(`${all} cases; to play them again: CHASQUI_SEED=${seed} npm run fuzz -- ${all}`)

const failed = []
for (const { what, file, share } of DOORS) {
  const cases = Math.round(all * share)
  const startedMs = Date.now()
  console.log(`\n${what}: ${cases} cases`)
  const code = await run([join(root, file)], { CHASQUI_FUZZ_CASES: String(cases), CHASQUI_SEED: seed })
  console.log(`${code === 0 ? 'held' : 'BROKE'} after ${Math.round((Date.now() - startedMs) / 1000)} s`)
  if (code !== 0) failed.push(what)
}
console.log(failed.length === 0 ? `\nAll ${all} cases held.` : `\nBroke: ${failed.join('; ')}.`)
process.exitCode = failed.length === 0 ? 0 : 1

/** @returns {Promise<number | null>} */
function run(args, env) {
  return new Promise((resolve, reject) => {
    spawn(node, ['--test', '--test-reporter=spec', ...args], {
      cwd: root,
      stdio: 'inherit',
      env: { ...process.env, ...env },
    })
      .once('exit', resolve)
      .once('error', reject)
  })
}
