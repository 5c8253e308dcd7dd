import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import { runLines } from '../../support/lines.ts'
import { needProgram } from '../../support/real-parts.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'

const PROCESS = fileURLToPath(new URL('../../support/embedded-process.ts', import.meta.url))

describe('a confirmation of the embedded engine', () => {
  test(
    'is given only after the write-ahead log was synced to the disk',
    needProgram('strace', '-V'),
    async (context) => {
      const dir = temporaryFolder(context, 'strace')
      const trace = join(dir, 'trace')
      const child = runLines(context, 'strace', [
        ...['-f', '-y', '-s', '64', '-e', 'trace=pwrite64,fdatasync,fsync,write', '-o', trace],
        ...[process.execPath, PROCESS, 'confirm-one', join(dir, 'store'), 'the-task'],
      ])
      await child.line('the confirmation', (line) => line === 'CONFIRMED the-task')
      assert.deepEqual(await child.exited, { code: 0, signal: null })

      const calls = readFileSync(trace, 'utf8').split('\n')
      const opened = calls.findIndex((call) => call.includes('"OPEN'))
      const confirmed = calls.findIndex((call) => call.includes('"CONFIRMED the-task'))
      assert.ok(opened >= 0 && confirmed > opened, 'both lines are in the trace')
      // Between the two: the writes of the task to the log, and after the last of them a sync of the log that succeeded.
      const between = calls.slice(opened, confirmed)
      const lastWrite = between.findLastIndex((call) => /pwrite64\(\d+<[^>]*chasqui\.db-wal>/.test(call))
      assert.ok(lastWrite >= 0, 'the task was written to the log')
      const synced = between
        .slice(lastWrite)
        .some(
          (call) =>
            /f(data)?sync\(\d+<[^>]*chasqui\.db-wal>\)\s*=\s*0/.test(call) ||
            /f(data)?sync resumed.*=\s*0/.test(call),
        )
      assert.ok(
        synced,
        `no sync between the last write and the confirmation:\n${between.slice(lastWrite).join('\n')}`,
      )
    },
  )

  test(
    'that says "disk" of a task that was confirmed as "relaxed" before waits for the sync, too',
    needProgram('strace', '-V'),
    async (context) => {
      const dir = temporaryFolder(context, 'strace')
      const trace = join(dir, 'trace')
      const child = runLines(context, 'strace', [
        ...['-f', '-y', '-s', '128', '-e', 'trace=pwrite64,fdatasync,fsync,write', '-o', trace],
        ...[process.execPath, PROCESS, 'confirm-again', join(dir, 'store'), 'the-task'],
      ])
      const receipt = { id: 'the-task', state: 'queued', duplicate: true, durability: 'disk' }
      await child.line('the confirmation', (line) => line === `CONFIRMED ${JSON.stringify(receipt)}`)
      assert.deepEqual(await child.exited, { code: 0, signal: null })

      const calls = readFileSync(trace, 'utf8').split('\n')
      const relaxed = calls.findIndex((call) => call.includes('"RELAXED the-task'))
      const confirmed = calls.findIndex((call) => call.includes('"CONFIRMED '))
      assert.ok(relaxed >= 0 && confirmed > relaxed, 'both lines are in the trace')
      const between = calls.slice(relaxed, confirmed)
      const writer = calls[relaxed]!.split(' ')[0]!
      assert.ok(
        between.some(
          (call) => call.startsWith(writer) && /f(data)?sync\(\d+<[^>]*chasqui\.db-wal>/.test(call),
        ),
        `the writer did not sync between the two:\n${between.join('\n')}`,
      )
    },
  )

  test('holds when the process is killed, ten times in the middle of its work', async (context) => {
    const dir = temporaryFolder(context, 'killed')
    const confirmed: string[] = []
    for (let round = 0; round < 10; round++) {
      const child = runLines(context, process.execPath, [PROCESS, 'confirm-many', dir, `r${round}`])
      // Killed at another point of its stream each time.
      let said = 0
      await child.line('some confirmations', (line) => line.startsWith('CONFIRMED') && ++said > 3 + round * 5)
      await child.kill('SIGKILL')
      for (const line of child.lines)
        if (line.startsWith('CONFIRMED ')) confirmed.push(...line.slice(10).split(' '))
    }
    const engine = await openEmbeddedEngine({ dir })
    atEnd(context, () => engine.close())
    const records = await engine.get(confirmed)
    assert.ok(confirmed.length > 1_000, `${confirmed.length} were confirmed`)
    assert.equal(records.filter((record) => record?.state === 'queued').length, confirmed.length)
  })
})
