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
