/** What the repository consists of, for the tests that hold it to its own rules. */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

export const root = resolve(import.meta.dirname, '../..')

/** Files that are tracked or about to be, from the root, with `/`. */
export const files: readonly string[] = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
)
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path)))

export const sources = files.filter((path) => path.startsWith('src/') && path.endsWith('.ts'))

/** Of the web page. */
export const pageSources = files.filter((path) => /^dashboard\/src\/.*\.tsx?$/.test(path))

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export interface Import {
  readonly from: string
  /** A file of the repository, or null for a package. */
  readonly file: string | null
  /** As it was written. */
  readonly specifier: string
}

/** Every import of a file: static, type-only, re-exported and dynamic. */
export function importsOf(path: string): Import[] {
  const text = withoutComments(textOf(path))
  const found = text.matchAll(
    /(?:^|[\s;}])(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|[\s;}])import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  )
  return [...found].map(([, from, bare, dynamic]) => {
    const specifier = (from ?? bare ?? dynamic)!
    const file = specifier.startsWith('.')
      ? relative(root, resolve(root, dirname(path), specifier)).replaceAll('\\', '/')
      : null
    return { from: path, file, specifier }
  })
}

/** Comments may speak of imports and name other folders; strings that hold `//` are left whole. */
export function withoutComments(text: string): string {
  return text.replaceAll(
    /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|\/\*[\s\S]*?\*\/|(^|[^:\\])\/\/[^\n]*/g,
    (_, string: string | undefined, before: string | undefined) => string ?? before ?? '',
  )
}

/** Paragraphs of a failure: each problem on its own line. */
export function listing(problems: readonly string[]): string {
  return problems.map((problem) => `\n  - ${problem}`).join('')
}
