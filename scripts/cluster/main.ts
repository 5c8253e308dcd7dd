/**
 * What `npm run cluster` does, step by step: servers, Chasqui on top of them, the seed's tests, and what is left of them in PostgreSQL and S3.
 *
 * Invariant: everything that was started is ended before this process ends, in the reverse order, also when a step fails or it is told to stop.
 */

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Scope } from '../../test/support/temporary.ts'
import { openChasqui } from './chasqui.ts'
import { playTests } from './seed-tests.ts'
import { missingServers, openServers } from './servers.ts'
import { showStored } from './stored.ts'

const once = process.argv.includes('--once')
const folder = mkdtempSync(join(tmpdir(), 'chasqui-cluster-'))
// PostgreSQL runs as a user of its own where this is root, and has to get at its folder.
chmodSync(folder, 0o755)
process.env.TMPDIR = folder

const undos: (() => Promise<void>)[] = []
const scope: Scope = { after: (undo) => undos.push(undo) }
const told = Promise.withResolvers<void>()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => told.resolve())
process.stdin.resume().once('end', () => told.resolve())

const missing = missingServers()
if (missing === null) {
  process.exitCode = await Promise.race([run(), told.promise.then(() => 0)]).catch(failed)
  say('ending everything that was started …')
  for (const undo of undos.reverse()) await undo().catch(failed)
} else process.exitCode = failed(new Error(missing))
rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
// What is only starting ends with this process.
process.exit()

async function run(): Promise<number> {
  say('starting the servers (some twenty seconds) …')
  const servers = await openServers(scope, say)
  for (const line of servers.lines) print(line)
  say('starting two distributors, HAProxy and two workers …')
  const chasqui = await openChasqui(scope, servers)
  for (const line of chasqui.lines) print(line)
  const sent = await playTests(chasqui.door, print)
  const isRight = await showStored(servers, sent, print)
  if (once) return isRight ? 0 : 1
  print(
    `\nIt stays up. Try, in another terminal:\n  npx chasqui submit sumar '[5,7]' --wait --connect ${chasqui.url}`,
  )
  print('Ctrl-C ends all of it.')
  await told.promise
  return 0
}

function failed(error: unknown): number {
  process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`)
  return 1
}

function say(sentence: string): void {
  process.stderr.write(`cluster: ${sentence}\n`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
