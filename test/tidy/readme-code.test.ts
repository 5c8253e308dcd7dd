/** The TypeScript of the README, and of the pages that show some, compiles with the types that it claims. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, textOf } from './source.ts'

test('the TypeScript of the README compiles', () => compiles('README.md', 2))
test('the TypeScript of docs/tracing.md compiles', () => compiles('docs/tracing.md', 1))
test('the TypeScript of docs/middleware.md compiles', () => compiles('docs/middleware.md', 3))
test('the TypeScript of docs/handlers.md compiles', () => compiles('docs/handlers.md', 1))
test('the TypeScript of docs/privacy.md compiles', () => compiles('docs/privacy.md', 1))

function compiles(document: string, blocksMin: number): void {
  const blocks = [...textOf(document).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!)
  assert.ok(blocks.length >= blocksMin)
  // Inside the repository, so that packages are found.
  mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
  const folder = mkdtempSync(join(root, 'node_modules/.cache/readme-'))
  try {
    const names = blocks.map((code, index) => /^\/\/ (\S+\.ts)$/m.exec(code)?.[1] ?? `block-${index}.ts`)
    blocks.forEach((code, index) => {
      writeFileSync(join(folder, names[index]!), code)
    })
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../../tsconfig.json',
        files: names,
        include: [],
        compilerOptions: { noUnusedLocals: false },
      }),
    )
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
