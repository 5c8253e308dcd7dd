/** What the documents say is what the code does: pages made from the code are compared with it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pages } from '../../scripts/docs.ts'
import { SETTING_KEYS, variableOf } from '../../src/app/settings.ts'
import { TASK_STATES } from '../../src/task/lifecycle.ts'
import { files, textOf } from './source.ts'

for (const [path, expected] of pages()) {
  test(`${path} is what the code makes it (npm run docs)`, () => {
    assert.equal(textOf(path), expected)
  })
}

test('docs/lifecycle.md explains every state', () => {
  for (const state of TASK_STATES)
    assert.match(textOf('docs/lifecycle.md'), new RegExp(`^\\| \`${state}\` \\| \\S`, 'm'))
})

test('every environment variable that a document names is a setting', () => {
  const known = new Set([...SETTING_KEYS.map(variableOf), 'CHASQUI_CONFIG', 'CHASQUI_SEED', 'CHASQUI_'])
  const unknown = files
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) => [...textOf(path).matchAll(/\bCHASQUI_[A-Z_]*/g)].map(([name]) => `${path}: ${name}`))
    .filter((found) => !known.has(found.split(': ')[1]!))
  assert.deepEqual(unknown, [])
})

test('a limit that says that it is a setting is the default of one, or of an option of the client library', () => {
  const source = textOf('src/task/limits.ts')
  const claimed = [...source.matchAll(/\(setting\)[^/]*\*\/\nexport const ([A-Z0-9_]+)/g)].map(
    ([, name]) => name!,
  )
  assert.ok(claimed.length > 10)
  const used = textOf('src/app/settings.ts') + textOf('src/client/client.ts')
  assert.deepEqual(
    claimed.filter((name) => !new RegExp(`\\b${name}\\b`).test(used)),
    [],
  )
})
