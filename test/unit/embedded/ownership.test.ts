import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import { SCHEMA_VERSION } from '../../../src/engine/embedded/schema.ts'
import { task } from '../../conformance/harness.ts'
import { runLines } from '../../support/lines.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const PROCESS = fileURLToPath(new URL('../../support/embedded-process.ts', import.meta.url))

describe('a store', () => {
  test('is refused to a second process, which is told who has it', async (context) => {
    const dir = temporaryFolder(context, 'owned')
    const owner = runLines(context, process.execPath, [PROCESS, 'hold', dir])
    await owner.line('open', (line) => line === 'OPEN')
    await assert.rejects(openEmbeddedEngine({ dir }), (error: { code?: string; message?: string }) => {
      assert.equal(error.code, 'STORE_LOCKED')
      assert.match(error.message!, new RegExp(`in use by process ${owner.child.pid} on `))
      return true
    })
  })

  test('is free at once when its owner is killed', async (context) => {
    const dir = temporaryFolder(context, 'freed')
    const owner = runLines(context, process.execPath, [PROCESS, 'hold', dir])
    await owner.line('open', (line) => line === 'OPEN')
    await owner.kill('SIGKILL')
    const engine = await openEmbeddedEngine({ dir })
    await engine.close()
  })

  test('is refused twice in one process, and opens again after it was closed', async (context) => {
    const dir = temporaryFolder(context, 'twice')
    const first = await openEmbeddedEngine({ dir })
    await assert.rejects(openEmbeddedEngine({ dir }), { code: 'STORE_LOCKED' })
    await first.close()
    const second = await openEmbeddedEngine({ dir })
    await second.close()
  })

  test('of the first version is brought to this one, with all that it has', async (context) => {
    const dir = temporaryFolder(context, 'older')
    const first = await openEmbeddedEngine({ dir })
    await first.submit([task({ id: 'old' })], 'disk')
    await first.close()
    const file = new DatabaseSync(join(dir, 'chasqui.db'))
    file.exec('drop table queue; drop table cron; drop index task_owned; pragma user_version = 1')
    file.close()
    const second = await openEmbeddedEngine({ dir })
    context.after(() => second.close())
    await second.steer({ kind: 'pause', queue: 'default' })
    assert.equal((await second.get(['old']))[0]?.state, 'queued')
  })

  test('of a newer version is refused and left as it is', async (context) => {
    const dir = temporaryFolder(context, 'newer')
    await (await openEmbeddedEngine({ dir })).close()
    const file = new DatabaseSync(join(dir, 'chasqui.db'))
    file.exec('pragma user_version = 999')
    file.close()
    await assert.rejects(openEmbeddedEngine({ dir }), {
      code: 'STORE_VERSION',
      message: `${join(dir, 'chasqui.db')} was written by a newer Chasqui (schema 999, this one knows ${SCHEMA_VERSION})`,
    })
    // The refusal let go of the lock.
    await assert.rejects(openEmbeddedEngine({ dir }), { code: 'STORE_VERSION' })
  })

  test('is not made of the file of another program', async (context) => {
    const dir = temporaryFolder(context, 'foreign')
    const file = new DatabaseSync(join(dir, 'chasqui.db'))
    file.exec('create table theirs (a)')
    file.close()
    await assert.rejects(openEmbeddedEngine({ dir }), { code: 'STORE_VERSION' })
  })

  test('that is no SQLite file, or whose folder cannot be made, is one clear sentence', async (context) => {
    const dir = temporaryFolder(context, 'garbage')
    mkdirSync(join(dir, 'store'))
    writeFileSync(
      join(dir, 'store', 'chasqui.db'),
      'this is not a database, it is a text about one '.repeat(100),
    )
    await assert.rejects(openEmbeddedEngine({ dir: join(dir, 'store') }), {
      code: 'CONFIG_INVALID',
      message: `cannot open ${join(dir, 'store', 'chasqui.db')}: file is not a database`,
    })
    writeFileSync(join(dir, 'file'), '')
    await assert.rejects(openEmbeddedEngine({ dir: join(dir, 'file', 'store') }), { code: 'CONFIG_INVALID' })
  })
})
