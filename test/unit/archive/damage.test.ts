import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { openSource } from '../../../src/archive/archive-file.ts'
import { checkArchive } from '../../../src/archive/import.ts'
import { Transcript } from '../../../src/archive/transcript.ts'
import type { Archive, ArchivedTask } from '../../../src/engine/archive.ts'
import { openEmbeddedArchive } from '../../../src/engine/embedded/embedded-archive.ts'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import { VirtualClock } from '../../../src/task/clock.ts'
import { exportFile, importFile, linesOf } from '../../support/archives.ts'
import { fillRichStore, RICH_IDS, richOptions } from '../../support/rich-store.ts'

/** One store and its archive, for all tests here: they read it, and damage copies. */
let folder: string
let store: string
let whole: string
let lines: string[]
let made = 0
const clock = new VirtualClock()

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chasqui-damage-'))
  store = join(folder, 'store')
  whole = join(folder, 'whole.ndjson')
  await fillRichStore(store, clock)
  await exportFile(store, whole)
  lines = linesOf(whole)
  assert.equal(lines.length, RICH_IDS.length + 2)
})

after(() => rmSync(folder, { recursive: true, force: true }))

function newPath(): string {
  return join(folder, `copy-${++made}`)
}

function fileOf(content: string | Buffer): string {
  const path = `${newPath()}.ndjson`
  writeFileSync(path, content)
  return path
}

function check(file: string) {
  return checkArchive({ ...openSource(file), onProgress() {} })
}

const textOf = (some: readonly string[]) => some.map((line) => `${line}\n`).join('')

describe('an export that was interrupted', () => {
  test('goes on after every line, and ends in the very same file', async () => {
    for (let count = 1; count <= lines.length; count++) {
      const file = fileOf(textOf(lines.slice(0, count)))
      if (count < lines.length) await exportFile(store, file, { resume: true })
      assert.deepEqual(linesOf(file), lines, `resumed after line ${count}`)
    }
  })

  test('goes on after a cut within every line', async () => {
    for (let count = 1; count < lines.length; count++) {
      const cut = Math.floor(lines[count]!.length / 2)
      const file = fileOf(textOf(lines.slice(0, count)) + lines[count]!.slice(0, cut))
      await exportFile(store, file, { resume: true })
      assert.deepEqual(linesOf(file), lines, `resumed within line ${count + 1}`)
    }
  })

  test('begins anew where not even the first line is whole, or there is no file', async () => {
    const cut = fileOf(lines[0]!.slice(0, 20))
    await exportFile(store, cut, { resume: true })
    assert.deepEqual(linesOf(cut), lines)
    const missing = `${newPath()}.ndjson`
    await exportFile(store, missing, { resume: true })
    assert.deepEqual(linesOf(missing), lines)
  })

  test('does not go on in a file that was altered, or of a store that has been at work since', async () => {
    const altered = fileOf(textOf(lines.slice(0, 5)).replace('"queue":"mail"', '"queue":"male"'))
    await assert.rejects(exportFile(store, altered, { resume: true }), { code: 'ARCHIVE_INVALID' })

    const worked = newPath()
    await fillRichStore(worked, new VirtualClock())
    const begun = `${newPath()}.ndjson`
    await exportFile(worked, begun)
    writeFileSync(begun, textOf(linesOf(begun).slice(0, 4)))
    await (await openEmbeddedEngine(richOptions(worked, new VirtualClock()))).close()
    const message = `${begun} was begun from another store, or this one has been at work since: remove the file and export again`
    await assert.rejects(exportFile(worked, begun, { resume: true }), { code: 'CONFIG_INVALID', message })
  })

  test('is never begun over a file that is there', async () => {
    const file = fileOf('mine')
    await assert.rejects(exportFile(store, file), { code: 'CONFIG_INVALID', message: /is there already/ })
    assert.equal(readFileSync(file, 'utf8'), 'mine')
  })

  test('cannot go on in a compressed file, and says so', async () => {
    const message = /^only a plain file can be resumed, not the compressed /
    await assert.rejects(exportFile(store, `${newPath()}.gz`, { resume: true }), { message })
  })
})

describe('a damaged archive', () => {
  test('truncated after any line is told with that line', async () => {
    for (let count = 1; count < lines.length; count++) {
      const file = fileOf(textOf(lines.slice(0, count)))
      const message = `${file} is truncated: it ends after line ${count}, without the last line of an archive`
      await assert.rejects(check(file), { code: 'ARCHIVE_INVALID', message })
    }
  })

  test('truncated within any line is told with that line', async () => {
    for (let count = 1; count < lines.length; count++) {
      const file = fileOf(textOf(lines.slice(0, count)) + lines[count]!.slice(0, -1))
      const message = `${file} is truncated within line ${count + 1}`
      await assert.rejects(check(file), { code: 'ARCHIVE_INVALID', message })
    }
  })

  test('altered by one character in any line is told with that line', async () => {
    for (const [index, line] of lines.entries()) {
      // Somewhere in the middle, and in the check itself.
      for (const at of [Math.floor(line.length / 2), line.length - 4]) {
        const other = line[at] === '1' ? '2' : '1'
        const changed = line.slice(0, at) + other + line.slice(at + 1)
        const file = fileOf(textOf(lines.with(index, changed)))
        const message = `line ${index + 1} of ${file} was altered, or a line before it is missing`
        await assert.rejects(check(file), { code: 'ARCHIVE_INVALID', message })
      }
    }
  })

  test('with a line taken out, moved or repeated is told with the first line that does not fit', async () => {
    const file = fileOf(textOf(lines.toSpliced(4, 1)))
    await assert.rejects(check(file), {
      message: /^line 5 of .* was altered, or a line before it is missing$/,
    })
    const moved = fileOf(textOf(lines.with(3, lines[4]!).with(4, lines[3]!)))
    await assert.rejects(check(moved), { message: /^line 4 of / })
    const repeated = fileOf(textOf(lines.toSpliced(4, 0, lines[3]!)))
    await assert.rejects(check(repeated), { message: /^line 5 of / })
    const longer = fileOf(textOf([...lines, lines[3]!]))
    await assert.rejects(check(longer), {
      message: `line ${lines.length + 1} of ${longer} comes after the end of the archive`,
    })
  })

  test('whose last line does not fit its tasks is refused', async () => {
    const file = fileOf(
      resealed((transcript) => {
        for (const line of lines.slice(1, -2)) transcript.copy(line)
        transcript.seal({ ...JSON.parse(lines.at(-1)!), check: undefined })
      }),
    )
    const message = new RegExp(
      `^line ${lines.length - 1} of .* does not fit the lines before it: ${RICH_IDS.length - 1} tasks where there should be ${RICH_IDS.length}$`,
    )
    await assert.rejects(check(file), { code: 'ARCHIVE_INVALID', message })
  })

  test('with a task that is none is told with its line and field, however right its check is', async () => {
    for (const [field, value, rule] of [
      ['priority', 11, 'priority must be an integer from 0 to 9'],
      ['id', '', 'id must be a string of 1 to 128 characters without control characters'],
      ['data', '{"a":', 'data must be a string that holds JSON, nested no deeper than the limit'],
      ['state', 'running', 'state must be one of scheduled, queued, succeeded, failed, canceled, expired'],
      ['options', { retries: 4 }, 'options.retries is no option of a task'],
      ['final', { attempt: 1, finishedAtMs: 1 }, 'final must not be there when the state is queued'],
    ] as const) {
      const plain = JSON.parse(lines.find((line) => line.includes('"id":"plain"'))!)
      const file = fileOf(
        resealed((transcript) => {
          transcript.copy(lines[1]!)
          transcript.seal({ ...plain, check: undefined, [field]: value })
        }),
      )
      await assert.rejects(check(file), {
        code: 'ARCHIVE_INVALID',
        message: `line 3 of ${file} is no task: ${rule}`,
      })
    }
  })

  test('of a newer version, or no archive at all, is told apart', async () => {
    const header = JSON.parse(lines[0]!)
    const newer = fileOf(resealed(() => {}, { ...header, version: 3, check: undefined }))
    const message = `${newer} was written by a newer Chasqui (archive version 3, this one knows 2)`
    await assert.rejects(check(newer), { code: 'STORE_VERSION', message })
    for (const content of [
      '',
      '\n',
      'hola\n',
      '{"type":"sumar"}\n',
      '[1]\n',
      'x'.repeat(100),
      Buffer.alloc(5_000),
    ]) {
      const file = fileOf(content)
      const message = `line 1 of ${file} is not the header of a Chasqui archive`
      await assert.rejects(check(file), { code: 'ARCHIVE_INVALID', message })
    }
  })

  test('is found in compressed files as well', async () => {
    const packed = `${newPath()}.ndjson.gz`
    await exportFile(store, packed)
    const bytes = readFileSync(packed)
    assert.deepEqual(gunzipSync(bytes).toString().trimEnd().split('\n'), lines)
    assert.equal((await check(packed)).tasks, RICH_IDS.length)
    writeFileSync(packed, bytes.subarray(0, bytes.length - 20))
    await assert.rejects(check(packed), {
      code: 'ARCHIVE_INVALID',
      message: /\.gz is truncated or altered: /,
    })
    writeFileSync(packed, gzipSync(textOf(lines.slice(0, 6))))
    await assert.rejects(check(packed), { message: /it ends after line 6/ })
  })

  test('that is not there, or must not be read, is one sentence', async () => {
    const missing = newPath()
    await assert.rejects(check(missing), {
      code: 'CONFIG_INVALID',
      message: new RegExp(`^${missing} cannot be read: ENOENT`),
    })
  })
})

/** Lines whose checks are right, whatever they say. */
function resealed(
  write: (transcript: { copy(line: string): void; seal(value: object): void }) => void,
  header: object = { ...JSON.parse(lines[0]!), check: undefined },
): string {
  const transcript = new Transcript('test')
  let text = transcript.writeHeader(header as never)
  const seal = (value: object) => {
    text += transcript.writeHeader(value as never)
  }
  write({ seal, copy: (line) => seal({ ...JSON.parse(line), check: undefined }) })
  return text
}

describe('an import that was interrupted', () => {
  /** Fails once so many tasks are written; the rest of a page as well as whole ones. */
  function failingAfter(tasks: number) {
    let left = tasks
    return (archive: Archive): Archive => {
      const write = async (batch: readonly ArchivedTask[]) => {
        const writings = await archive.write(batch.slice(0, left))
        left -= batch.length
        if (left < 0) throw new Error('interrupted')
        return writings
      }
      return new Proxy(archive, {
        get: (whole, name) => {
          if (name === 'write') return write
          const value = whole[name as keyof Archive]
          return typeof value === 'function' ? value.bind(whole) : value
        },
      })
    }
  }

  test('keeps every engine from the store until it is repeated, and then is as if it had not been, after every task', async () => {
    const expected = await tasksOf(store)
    for (let count = 0; count < RICH_IDS.length; count++) {
      const dir = newPath()
      await assert.rejects(importFile(dir, whole, failingAfter(count)), { message: 'interrupted' })
      await assert.rejects(openEmbeddedEngine({ dir }), {
        code: 'STORE_INCOMPLETE',
        message: `${join(dir, 'chasqui.db')} is half imported: repeat the chasqui import, or keep what is there with chasqui import --keep-partial`,
      })
      await assert.rejects(exportFile(dir, `${dir}.ndjson`), { code: 'STORE_INCOMPLETE' })
      assert.equal(existsSync(`${dir}.ndjson`), false)
      const summary = await importFile(dir, whole)
      assert.deepEqual([summary.written, summary.present], [RICH_IDS.length - count, count])
      assert.deepEqual(await tasksOf(dir), expected)
      const engine = await openEmbeddedEngine(richOptions(dir, clock))
      const totals = (await engine.inspect()).queues.map(({ totals }) => totals.submitted)
      await engine.close()
      assert.equal(
        totals.reduce((a, b) => a + b),
        RICH_IDS.length + 1,
        'totals, with the purged task',
      )
    }
  })

  test('may be kept as it is when somebody says so', async () => {
    const dir = newPath()
    await assert.rejects(importFile(dir, whole, failingAfter(3)))
    const archive = await openEmbeddedArchive({ dir, readOnly: false })
    assert.equal(await archive.settleFor(), 1)
    assert.equal(await archive.settleFor(), 0)
    await archive.close()
    const engine = await openEmbeddedEngine(richOptions(dir, clock))
    assert.equal((await engine.list({ limit: 100 })).tasks.length, 3)
    await engine.close()
  })

  test('stays interrupted when the file turns out to be damaged only at its end', async () => {
    const dir = newPath()
    const file = fileOf(textOf(lines.slice(0, -1)))
    await assert.rejects(importFile(dir, file), { code: 'ARCHIVE_INVALID' })
    await assert.rejects(openEmbeddedEngine({ dir }), { code: 'STORE_INCOMPLETE' })
    copyFileSync(whole, file)
    await importFile(dir, file)
    await (await openEmbeddedEngine(richOptions(dir, clock))).close()
  })

  test('is refused into the store that it comes from', async () => {
    const message = 'the archive was exported from the very store that it should go to'
    await assert.rejects(importFile(store, whole), { code: 'CONFIG_INVALID', message })
    await (await openEmbeddedArchive({ dir: store, readOnly: true })).close()
  })

  test('does not count as done when the target does not hold what was written to it', async () => {
    const dir = newPath()
    const losing = (archive: Archive): Archive =>
      new Proxy(archive, {
        get: (target, name) => {
          if (name === 'write') {
            return async (batch: readonly ArchivedTask[]) => {
              await target.write(batch.slice(1))
              return batch.map(() => 'written' as const)
            }
          }
          const value = target[name as keyof Archive]
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    await assert.rejects(importFile(dir, whole, losing), {
      code: 'STORE_FAILED',
      message:
        /^the target does not hold what was written to it: \d+ \w+ in queue "mail" where there should be \d+$/,
    })
    await assert.rejects(openEmbeddedEngine({ dir }), { code: 'STORE_INCOMPLETE' })
  })
})

async function tasksOf(dir: string): Promise<ArchivedTask[]> {
  const archive = await openEmbeddedArchive({ dir, readOnly: true })
  const tasks: ArchivedTask[] = []
  for (let page = await archive.read(null); page.length > 0; page = await archive.read(tasks.at(-1)!.id)) {
    tasks.push(...page)
  }
  await archive.close()
  return tasks
}
