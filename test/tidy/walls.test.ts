/** Imports go down only, packages stay in their folder, and nothing goes round in circles (DESIGN section 10, ARCHITECTURE.md). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Import, importsOf, listing, sources, textOf, withoutComments } from './source.ts'

/** A folder may import from those with a smaller number, and from itself. */
const LEVELS: Readonly<Record<string, number>> = {
  task: 0,
  telemetry: 1,
  sealing: 1,
  // src/engine/engine.ts, archive.ts, audit.ts and cron.ts alone: the words of the ports. What implements them stands further down.
  port: 1,
  cron: 2,
  wire: 2,
  archive: 3,
  objects: 3,
  engine: 4,
  client: 5,
  distributor: 5,
  worker: 5,
  app: 6,
  cli: 7,
  // The public doors: they show what lies below app.
  index: 6,
  testing: 6,
}

/** Named exceptions, each with its reason. */
const ALLOWED: Readonly<Record<string, string>> = {
  'src/client/connect.ts src/engine/remote/remote-engine.ts':
    'connect() is what users call: a client around the one engine that needs nothing but an address',
  'src/worker/connect.ts src/engine/remote/remote-engine.ts':
    'connectWorker() is what users call: a worker around the one engine that needs nothing but an address',
}

/** Where a package may be imported. Whatever is not named here may be imported nowhere in src/. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  typebox: ['wire', 'distributor'],
  fastify: ['distributor/http'],
  '@fastify/cookie': ['distributor/http'],
  '@fastify/helmet': ['distributor/http'],
  '@fastify/static': ['distributor/http'],
  croner: ['cron'],
  pino: ['telemetry'],
  '@opentelemetry/api': ['telemetry'],
  '@opentelemetry/context-async-hooks': ['telemetry'],
  '@opentelemetry/exporter-trace-otlp-http': ['telemetry'],
  '@opentelemetry/resources': ['telemetry'],
  '@opentelemetry/sdk-trace': ['telemetry'],
  'prom-client': ['telemetry'],
  commander: ['cli'],
  'ansi-escapes': ['cli'],
  'cli-progress': ['cli'],
  'slice-ansi': ['cli'],
  'string-width': ['cli'],
  picocolors: ['cli'],
  'node:sqlite': ['engine/embedded'],
  amqplib: ['engine/cluster'],
  pg: ['engine/cluster'],
  '@aws-sdk/client-s3': ['objects'],
  '@peculiar/x509': ['app'],
  'reflect-metadata': ['app'],
}

const imports: readonly Import[] = sources.flatMap(importsOf)
const inside = imports.filter((found) => found.file !== null) as (Import & { readonly file: string })[]

function folderOf(path: string): string {
  if (['engine', 'archive', 'audit', 'cron'].some((port) => path === `src/engine/${port}.ts`)) return 'port'
  return path.split('/')[1]!.replace(/\.ts$/, '')
}

/** `engine/embedded` and its like; null for the files of engine/ itself. */
function backendOf(path: string): string | null {
  return /^src\/engine\/([a-z-]+)\//.exec(path)?.[1] ?? null
}

test('imports go down only', () => {
  const wrong = inside.filter(({ from, file }) => {
    const [above, below] = [folderOf(from), folderOf(file)]
    assert.ok(above in LEVELS, `${from}: the folder ${above} has no level in test/tidy/walls.test.ts`)
    if (!file.startsWith('src/')) return true
    return above !== below && LEVELS[above]! <= (LEVELS[below] ?? 99) && !(`${from} ${file}` in ALLOWED)
  })
  assert.deepEqual(
    wrong.map(({ from, file }) => `${from} imports ${file}`),
    [],
    'see LEVELS in this test',
  )
})

test('the backends do not know each other, and the port does not know its backends', () => {
  const wrong = inside.filter(({ from, file }) => {
    const below = backendOf(file)
    if (below === null || !from.startsWith('src/engine/')) return false
    return backendOf(from) !== below
  })
  assert.deepEqual(
    wrong.map(({ from, file }) => `${from} imports ${file}`),
    [],
  )
})

test('only app, and the door for tests of users, name backends', () => {
  const wrong = inside.filter(
    ({ from, file }) =>
      backendOf(file) !== null &&
      !/^src\/(engine\/|app\/|testing\.ts)/.test(from) &&
      !(`${from} ${file}` in ALLOWED),
  )
  assert.deepEqual(
    wrong.map(({ from, file }) => `${from} imports ${file}`),
    [],
  )
})

test('a package is imported only in the folder that it is for', () => {
  const wrong = imports
    .filter(
      ({ file, specifier }) => file === null && (!specifier.startsWith('node:') || specifier in PACKAGES),
    )
    .filter(({ from, specifier }) => {
      const name = specifier.startsWith('@')
        ? specifier.split('/').slice(0, 2).join('/')
        : specifier.startsWith('node:')
          ? specifier
          : specifier.split('/')[0]!
      return !(PACKAGES[name] ?? []).some((folder) => from.startsWith(`src/${folder}/`))
    })
  assert.deepEqual(
    wrong.map(({ from, specifier }) => `${from} imports ${specifier}`),
    [],
  )
})

test('no import goes round in a circle, type imports included', () => {
  const graph = new Map<string, string[]>()
  for (const { from, file } of inside) graph.set(from, [...(graph.get(from) ?? []), file])
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) circles.push([...trail.slice(at), path].join(' → '))
    if (at >= 0 || done.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  assert.equal(circles.length, 0, listing(circles))
})

test('relative imports name the file that is really there', () => {
  const known = new Set(sources)
  const wrong = inside.filter(({ file }) => !known.has(file))
  assert.deepEqual(
    wrong.map(({ from, specifier }) => `${from} imports ${specifier}`),
    [],
  )
})

test('only the commands write to the console', () => {
  const wrong = sources.filter(
    (path) => !path.startsWith('src/cli/') && /\bconsole\.\w+\(/.test(withoutComments(textOf(path))),
  )
  assert.deepEqual(wrong, [])
})
