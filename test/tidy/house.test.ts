/** The rules of the house that a program can check: names, lengths, leftovers, and traces of the machine it was written on. */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { files, pageSources, root, sources, textOf, withoutComments } from './source.ts'

const LINES_MAX = 400

/** Files that may be longer, each with its reason. */
const LONG_FILES: Readonly<Record<string, string>> = {
  'src/task/limits.ts': 'one file names every limit, so that they can be read together',
  'src/app/settings.ts': 'one file names every setting, likewise',
}

const texts = files.filter((path) =>
  /\.(tsx?|css|html|mjs|js|json|md|yml|yaml|sh|py)$|^\.ci\/|^LICENSE$/.test(path),
)

test('no folder and no file is a drawer for everything', () => {
  const drawer = /(^|\/)(utils?|common|types|helpers?|managers?|misc|shared|lib)(\/|\.\w+$)/
  assert.deepEqual(
    files.filter((path) => drawer.test(path)),
    [],
  )
})

test(`no source has more than ${LINES_MAX} lines without a reason`, () => {
  const lines = (path: string) => textOf(path).split('\n').length - 1
  const code = files.filter((path) =>
    /^(src|dashboard|bench|scripts|examples)\/.*\.(tsx?|mjs|css)$/.test(path),
  )
  const long = code.filter((path) => lines(path) > LINES_MAX && !(path in LONG_FILES))
  assert.deepEqual(
    long.map((path) => `${path}: ${lines(path)} lines`),
    [],
  )
  for (const path of Object.keys(LONG_FILES)) {
    assert.ok(files.includes(path) && lines(path) > LINES_MAX, `${path} needs no exception any more`)
  }
})

test('every source opens with what it is', () => {
  const bare = [...sources, ...pageSources].filter((path) => !/^(#!.*\n)?\s*\/\*\*/.test(textOf(path)))
  assert.deepEqual(bare, [])
})

test('nothing is left to be done later, and no test is switched off or alone', () => {
  const later = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`)
  const alone = /\b(test|it|describe)\.(only|todo|skip)\(|\b(only|todo): true\b|\bdebugger\b/
  const code = files.filter((path) =>
    /^(src|dashboard|test|bench|scripts|examples)\/.*\.(tsx?|mjs|py)$/.test(path),
  )
  assert.deepEqual(
    code
      .filter((path) => path !== 'test/tidy/house.test.ts')
      .filter((path) => later.test(textOf(path)) || alone.test(withoutComments(textOf(path)))),
    [],
  )
})

test('no tracked file names a path of the machine it was written on, or the host of a package registry', () => {
  const folders = ['work', 'farm', 'root', 'home/[a-z]+'].map((name) => `(?<![\\w.@-])/${name}/`)
  const traces = new RegExp([...folders, ['registry', 'npmjs'].join('\\.'), 'deb\\.debian\\.'].join('|'))
  const found = texts.flatMap((path) => {
    const line = textOf(path)
      .split('\n')
      .find((text) => traces.test(text))
    return line === undefined ? [] : [`${path}: ${line.trim().slice(0, 120)}`]
  })
  assert.deepEqual(found, [])
})

test('outside of tests nobody relies on /tmp', () => {
  const code = texts.filter((path) => /^(src|dashboard|scripts|examples|bench)\//.test(path))
  assert.deepEqual(
    code.filter((path) => /['"`]\/tmp\b/.test(textOf(path))),
    [],
  )
})

test('links in the documents lead somewhere', () => {
  const broken = files
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      [...textOf(path).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target!)
        .filter((target) => !/^(https?:|mailto:|#)/.test(target))
        .filter((target) => !existsSync(join(root, dirname(path), target.split('#')[0]!)))
        .map((target) => `${path} → ${target}`),
    )
  assert.deepEqual(broken, [])
})

test('the change log speaks of the version that package.json has', () => {
  const { version } = JSON.parse(textOf('package.json')) as { version: string }
  assert.match(textOf('CHANGELOG.md'), new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\]`, 'm'))
})

test('each decision has a number of its own and says context, decision and consequences', () => {
  const decisions = files.filter((path) => /^docs\/decisions\/\d{4}-[a-z0-9-]+\.md$/.test(path)).sort()
  // Gaps are fine: who works side by side takes numbers from ranges agreed on.
  const numbers = decisions.map((path) => /(\d{4})-/.exec(path)![1]!)
  assert.deepEqual(numbers, [...new Set(numbers)])
  for (const path of decisions) {
    for (const part of ['## Context', '## Decision', '## Consequences']) {
      assert.ok(textOf(path).includes(part), `${path} has no "${part}"`)
    }
  }
})
