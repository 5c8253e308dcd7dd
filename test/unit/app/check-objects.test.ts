/** What `chasqui check` says of `--objects`; for S3 see test/e2e/objects. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig } from '../../../src/app/config.ts'
import { checkObjects } from '../../../src/app/diagnosis.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('a folder is tried out when it is there, and not made when it is not', async (context) => {
  const folder = temporaryFolder(context, 'check')
  const check = async (objects: string) => {
    return checkObjects(await loadConfig({ flags: { objects }, environment: {}, folder }))
  }
  const none = await loadConfig({ flags: {}, environment: {}, folder })
  assert.equal(await checkObjects(none), null)

  const missing = join(folder, 'missing')
  assert.deepEqual(await check(`file:${missing}`), {
    what: 'objects',
    level: 'ok',
    text: `file:${missing} (not made yet)`,
  })
  assert.equal(existsSync(missing), false)

  assert.deepEqual(await check(`file:${folder}`), {
    what: 'objects',
    level: 'ok',
    text: `file:${folder} can be listed, written, read and deleted`,
  })
  assert.deepEqual(readdirSync(folder), [])

  const file = join(folder, 'file')
  writeFileSync(file, '')
  const found = await check(`file:${file}`)
  assert.equal(found?.level, 'problem')
  assert.match(found.text, /^the object folder .* cannot be opened: /)

  const secret = await check('s3://key:hunter2@bucket')
  assert.equal(secret?.level, 'problem')
  assert.doesNotMatch(secret.text, /hunter2/)
})
