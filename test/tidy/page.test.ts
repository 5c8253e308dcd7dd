/** The walls of the web page: what it may know of the server, which packages it is made of, and that it asks nobody else for anything. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildPageIfNeeded } from '../../scripts/page.mjs'
import { type Import, importsOf, pageSources, root, textOf, withoutComments } from './source.ts'

/** Folders of dashboard/src may import from those with a smaller number, and from themselves. */
const LEVELS: Readonly<Record<string, number>> = {
  look: 0,
  route: 0,
  words: 1,
  api: 2,
  live: 3,
  parts: 3,
  acts: 4,
  submit: 5,
  task: 5,
  'task-list': 5,
  screens: 6,
  frame: 7,
  'main.tsx': 8,
}

const PACKAGES = ['preact', '@preact/signals', 'uplot', '@tanstack/virtual-core']

const imports: readonly Import[] = pageSources.flatMap(importsOf)

const folderOf = (path: string) => path.split('/')[2]!

test('imports of the page go down only', () => {
  const wrong = imports
    .filter(({ file }) => file?.startsWith('dashboard/'))
    .filter(({ from, file }) => {
      const [above, below] = [folderOf(from), folderOf(file!)]
      if (file!.endsWith('.css')) return above !== 'main.tsx'
      assert.ok(above in LEVELS, `${from}: the folder ${above} has no level in test/tidy/page.test.ts`)
      return above !== below && LEVELS[above]! <= (LEVELS[below] ?? 99)
    })
  assert.deepEqual(
    wrong.map(({ from, file }) => `${from} imports ${file}`),
    [],
  )
})

test('of the server the page knows the words, and the shapes of answers as types only', () => {
  const wrong = imports
    .filter(({ file }) => file !== null && !file.startsWith('dashboard/'))
    .filter(({ from, specifier, file }) => {
      if (file === 'src/task/lifecycle.ts') return false
      const isType = new RegExp(`import type [^;]*?from '${specifier.replaceAll('.', '\\.')}'`).test(
        textOf(from),
      )
      return !(isType && /^src\/(wire\/protocol|task)\//.test(file!))
    })
  assert.deepEqual(
    wrong.map(({ from, file }) => `${from} imports ${file}`),
    [],
  )
})

test('the page is made of its own packages only', () => {
  const wrong = imports
    .filter(({ file }) => file === null)
    .filter(({ from, specifier }) => {
      const name = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')
      // Its types say what schemas mean; nothing of it is in the page.
      if (name === 'typebox') return !/import type \{ Static \} from 'typebox'/.test(textOf(from))
      return !PACKAGES.includes(name)
    })
  assert.deepEqual(
    wrong.map(({ from, specifier }) => `${from} imports ${specifier}`),
    [],
  )
})

test('the page makes no markup out of text, and writes nothing to the console', () => {
  const forbidden =
    /dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|console\.\w+\(/
  assert.deepEqual(
    pageSources.filter((path) => forbidden.test(withoutComments(textOf(path)))),
    [],
  )
})

test('the built page names no other server', () => {
  buildPageIfNeeded(process.execPath)
  const folder = join(root, 'dist/dashboard')
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\.(html|js|css|svg)$/.test(path),
  )
  assert.ok(texts.length >= 4)
  for (const path of texts) {
    const named = [...readFileSync(join(folder, path), 'utf8').matchAll(/https?:\/\/[\w.-]+/g)].map(
      ([url]) => url,
    )
    // Names of the languages SVG, XHTML and MathML: nobody asks for them.
    assert.deepEqual(
      named.filter((url) => url !== 'http://www.w3.org'),
      [],
      path,
    )
  }
})
