/**
 * docs/protocol.md and docs/errors.md against the code: nothing missing, nothing made up, and every example true. (That the generated parts
 * are fresh is checked in docs.test.ts; here is what generating them cannot show.)
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shapes } from '../../scripts/protocol-docs.ts'
import { ERRORS } from '../../src/task/errors.ts'
import { METHODS, NOTIFICATIONS } from '../../src/wire/protocol.ts'
import type { WireClient } from '../support/wire-client.ts'
import { openWireServer } from '../support/wire-server.ts'
import { textOf } from './source.ts'

const page = textOf('docs/protocol.md')
const names = [...Object.keys(METHODS), ...Object.keys(NOTIFICATIONS)]

// ---- names ------------------------------------------------------------------------------------------------

test('every method, notification and shape has its section, and there are no others', () => {
  const sections = [...page.matchAll(/^### (.+)$/gm)].map(([, title]) => title!)
  assert.deepEqual([...sections].sort(), [...names, ...shapes().keys()].sort())
  for (const name of names) {
    const link = `[${name}](#${name.replace('.', '')})`
    assert.equal(
      page.slice(0, page.indexOf('\n## ')).split(link).length,
      2,
      `${link} in the list of contents`,
    )
  }
})

/** The last name of each field that a schema has, at any depth. */
function fieldsOf(schema: unknown, found = new Set<string>()): Set<string> {
  if (typeof schema !== 'object' || schema === null) return found
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') for (const name of Object.keys(value)) found.add(name)
    fieldsOf(value, found)
  }
  return found
}

test('every field of every schema is in a table, and every field in a table is in a schema', () => {
  const inTables = new Set(
    [...page.matchAll(/^\| `([\w.[\]-]+)` \| [^|]+ \| (?:required|optional) \|/gm)].map(
      ([, path]) => path!.split('.').at(-1)!,
    ),
  )
  const inSchemas = fieldsOf([METHODS, NOTIFICATIONS])
  assert.deepEqual([...inTables].sort(), [...inSchemas].sort())
})

test('every error of the code is in docs/errors.md, and nothing else is', () => {
  const rows = [...textOf('docs/errors.md').matchAll(/^\| `([A-Z_0-9]+)` \| (-\d+) \| (yes|no) \|/gm)]
  assert.deepEqual(
    rows.map(([, name, number, retryable]) => [name, Number(number), retryable === 'yes']),
    Object.entries(ERRORS).map(([name, { number, retryable }]) => [name, number, retryable]),
  )
})

test('every error that docs/protocol.md names exists', () => {
  const named = [...page.matchAll(/`([A-Z][A-Z_0-9]{5,})`/g)].map(([, name]) => name!)
  assert.deepEqual(
    named.filter((name) => !(name in ERRORS)),
    [],
  )
})

test('links lead somewhere', () => {
  const anchors = new Set(
    [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
  const broken = [...page.matchAll(/\]\(#([^)]+)\)/g)].filter(([, anchor]) => !anchors.has(anchor!))
  assert.deepEqual(
    broken.map(([link]) => link),
    [],
  )
})

// ---- examples ---------------------------------------------------------------------------------------------

interface Line {
  /** Which connection. */
  readonly who: string
  readonly sent: boolean
  readonly text: string
}

const examples: readonly Line[] = [...page.matchAll(/^```jsonl (\w+)\n([\s\S]*?)^```$/gm)].flatMap(
  ([, who, block]) =>
    block!
      .trimEnd()
      .split('\n')
      .map((line) => ({ who: who!, sent: line.startsWith('→ '), text: line.slice(2) })),
)

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/** `…` stands for anything; a time stands for any time. */
function assertFits(actual: unknown, expected: unknown, path: string): void {
  if (expected === '…') {
    assert.notEqual(actual, undefined, path)
    return
  }
  if (typeof expected === 'string' && TIME.test(expected)) {
    assert.match(String(actual), TIME, path)
    return
  }
  if (typeof expected !== 'object' || expected === null) {
    assert.equal(actual, expected, path)
    return
  }
  assert.deepEqual(Object.keys((actual as object) ?? {}).sort(), Object.keys(expected).sort(), path)
  for (const [key, value] of Object.entries(expected)) {
    assertFits((actual as Record<string, unknown>)[key], value, `${path}.${key}`)
  }
}

describe('examples', () => {
  test('there is one for every method and every notification but the ones that tell of others', () => {
    const shown = new Set(
      examples
        .filter(({ text }) => text.startsWith('{'))
        .map(({ text }) => JSON.parse(text).method as string | undefined),
    )
    assert.deepEqual(
      names.filter((name) => !shown.has(name)),
      [],
    )
  })

  test('a server answers as they say, one after the other', async (context) => {
    const server = await openWireServer(context)
    const clients = new Map<string, WireClient>()
    for (const { who, sent, text } of examples) {
      let client = clients.get(who)
      if (client === undefined) {
        client = await server.connect()
        clients.set(who, client)
      }
      if (sent) client.send(who === 'nc' ? text : `${text}\n`)
      else assertFits(await client.next(), JSON.parse(text), `${who} ← ${text.slice(0, 60)}`)
    }
    for (const [who, client] of clients) assert.deepEqual(client.lines, [], `${who} was told more`)
  })
})
