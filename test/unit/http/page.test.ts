/** What a browser finds at `/` and `/docs`. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openHttpServer } from '../../support/http-server.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('where the page was not built a few words say what is here', async (context) => {
  const { ask } = await openHttpServer(context, { face: { page: temporaryFolder(context, 'empty') } })
  const answer = await ask('GET', '/')
  assert.equal(answer.status, 200)
  assert.match(answer.text, /Chasqui answers here: \/v1\//)
})

test('the built page is served from its folder, assets for good and the rest anew; nothing beside it', async (context) => {
  const folder = temporaryFolder(context, 'page')
  const page = join(folder, 'dashboard')
  mkdirSync(join(page, 'assets'), { recursive: true })
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>Chasqui</title>')
  writeFileSync(join(page, 'assets/main-abc123.js'), 'export {}')
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  const { ask } = await openHttpServer(context, { face: { page } })
  const index = await ask('GET', '/')
  assert.match(index.text, /<title>Chasqui/)
  assert.equal(index.headers.get('cache-control'), 'no-cache')
  assert.match(index.headers.get('content-type')!, /^text\/html/)
  const asset = await ask('GET', '/assets/main-abc123.js')
  assert.equal(asset.headers.get('cache-control'), 'public, max-age=31536000, immutable')
  assert.match(asset.headers.get('content-type')!, /javascript/)
  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%2f..%2fsecret.txt',
    '/secret.txt',
  ]) {
    assert.equal((await ask('GET', path)).status, 404, path)
  }
})

test('every answer tells browsers to keep to this server', async (context) => {
  const { ask } = await openHttpServer(context)
  for (const path of ['/', '/docs', '/v1/tasks', '/v1/nothing']) {
    const { headers } = await ask('GET', path)
    const policy = headers.get('content-security-policy')!
    assert.match(policy, /default-src 'none'/, path)
    assert.match(policy, /script-src 'self'(;|$)/)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
  }
})

test('the page of the API comes with its script, and both from here', async (context) => {
  const { ask } = await openHttpServer(context)
  const { text } = await ask('GET', '/docs')
  const [, script] = /<script type="module" src="([^"]+)"/.exec(text)!
  assert.doesNotMatch(text, /https?:/)
  const found = await ask('GET', script!)
  assert.equal(found.status, 200)
  assert.match(found.headers.get('content-type')!, /^text\/javascript/)
  assert.ok(found.text.includes('rapi-doc'))
})
