/** Every command line in a document, or that a program suggests, is one that works. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flagOf, SETTING_KEYS, schemaOf } from '../../src/app/settings.ts'
import { nextSteps } from '../../src/cli/demo/next-steps.ts'
import { EXIT_CODES } from '../../src/cli/exit-codes.ts'
import { createProgram } from '../../src/cli/program.ts'
import { createScreen } from '../../src/cli/screen.ts'
import { files, textOf } from './source.ts'

const program = createProgram()
const documents = files.filter((path) => path.endsWith('.md')).map((path) => [path, textOf(path)] as const)
const suggested = nextSteps({ host: '::1', port: 1 }, createScreen(true).colors).join('\n')

test('npm scripts that are named exist', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  const wrong = documents.flatMap(([path, text]) =>
    [...text.matchAll(/\bnpm (?:run ([a-z:-]+)|(start|test)\b)/g)]
      .map(([, run, direct]) => run ?? direct!)
      .filter((name) => !(name in scripts))
      .map((name) => `${path}: npm run ${name}`),
  )
  assert.deepEqual(wrong, [])
})

test('commands and options of chasqui that are named exist', () => {
  const commands = new Map(program.commands.map((command) => [command.name(), command]))
  const wrong = [...documents, ['the demo', suggested] as const].flatMap(([path, text]) =>
    // Only what stands in code: `chasqui get x` or a line of a block.
    [...text.matchAll(/(?:`|^\s*|\| )(?:npx )?chasqui ([a-z]+)([^`\n|]*)/gm)].flatMap(
      ([line, name, rest]) => {
        const command = commands.get(name!)
        if (command === undefined) return [`${path}: ${line.trim()}`]
        const known = new Set(command.options.flatMap(({ long, short }) => [long, short]))
        return [...rest!.replace(/ #.*| {2}.*/, '').matchAll(/(?<=\s)--?[a-z][a-z-]*/g)]
          .map(([option]) => option)
          .filter((option) => !known.has(option) && option !== '--help')
          .map((option) => `${path}: chasqui ${name} ${option}`)
      },
    ),
  )
  assert.deepEqual(wrong, [])
})

test('every command has examples that begin with itself', () => {
  for (const command of program.commands) {
    let help = ''
    command.configureOutput({
      writeOut: (text) => {
        help += text
      },
    })
    command.outputHelp()
    const examples = help.split('Examples:\n')[1]?.split('\n').filter(Boolean) ?? []
    assert.ok(examples.length > 0, `${command.name()} has no examples`)
    for (const line of examples) assert.ok(line.trim().startsWith(`chasqui ${command.name()}`), line)
  }
})

test('exit codes are different from each other', () => {
  const codes = Object.values(EXIT_CODES).map(({ code }) => code)
  assert.equal(new Set(codes).size, codes.length)
})

test('every setting that holds a secret is hidden from the list of processes', () => {
  const [, names] = /hasSecret = \/\^--\(([^)]*)\)/.exec(textOf('src/cli/main.ts')) ?? []
  const secret = SETTING_KEYS.filter((key) => schemaOf(key).secret !== undefined).map((key) =>
    flagOf(key).slice(2),
  )
  assert.deepEqual(names?.split('|').sort(), secret.sort())
})
