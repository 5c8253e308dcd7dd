/**
 * Every operation of the OpenAPI document, driven by what the document says it takes, and by what it does not: never a 500, never a status that the document
 * does not name, and every answer in the form that it promises.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc, { type Arbitrary } from 'fast-check'
import { Compile } from 'typebox/schema'
import { openEmbeddedEngine } from '../../../src/engine/embedded/embedded-engine.ts'
import { type Answer, body, type HttpServer, openHttpServer } from '../../support/http-server.ts'
import { type JsonSchema, resolved, valuesOf } from '../../support/schema-values.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const RUNS = Number(process.env.CHASQUI_HTTP_RUNS ?? 50)
const DEADLINE_MS = 100_000
const WAIT_MS_MAX = 5

interface Operation {
  readonly verb: string
  readonly path: string
  readonly operationId: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: JsonSchema }[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>

interface Request {
  readonly params: Readonly<Record<string, unknown>>
  readonly body: unknown
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Omit<Operation, 'verb' | 'path'>>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

test('every operation keeps to the document, whatever it is asked', {
  timeout: DEADLINE_MS,
}, async (context) => {
  const engine = await openEmbeddedEngine({ dir: temporaryFolder(context, 'store') })
  const server = await openHttpServer(context, { engine, logLevel: 'error' })
  context.after(() => engine.close())
  const tasks = ['t0', 't1', 't2'].map((id) => ({ id, type: 'x' }))
  await body(server.ask('POST', '/v1/tasks', { body: { tasks } }))
  const document: Document = await body(server.ask('GET', '/openapi.json'))
  const operations = Object.entries(document.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, rest]): Operation => ({ ...rest, verb: verb.toUpperCase(), path })),
  )
  const statuses = new Map<string, number>()
  for (const operation of operations) {
    const check = checker(operation, document)
    await fc.assert(
      fc.asyncProperty(requests(operation, document), async (request) => {
        const answer = await send(server, operation, request)
        statuses.set(`${answer.status}`, (statuses.get(`${answer.status}`) ?? 0) + 1)
        check(answer)
      }),
      {
        includeErrorInReport: true,
        numRuns: operation.parameters.length > 0 || operation.requestBody ? RUNS : 2,
      },
    )
  }
  assert.deepEqual(
    server.logged.filter(({ event }) => event === 'session.bug'),
    [],
  )
  // It was no exercise in being refused.
  for (const status of ['200', '201', '400', '404']) assert.ok((statuses.get(status) ?? 0) > 0, status)
  context.diagnostic(`answers by status: ${JSON.stringify(Object.fromEntries(statuses))}`)
})

function requests({ parameters, requestBody }: Operation, { components }: Document): Arbitrary<Request> {
  const take = (schema: JsonSchema) => valuesOf(resolved(schema, components.schemas))
  const required = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
  const content = requestBody?.content['application/json']
  return fc.record({
    params: fc.record(Object.fromEntries(parameters.map(({ name, schema }) => [name, take(schema)])), {
      requiredKeys: required,
    }),
    body: content === undefined ? fc.constant(undefined) : take(content.schema),
  })
}

async function send(server: HttpServer, operation: Operation, request: Request): Promise<Answer> {
  const { verb, path, parameters } = operation
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  let filled = path
  for (const { name, in: place } of parameters) {
    const value = request.params[name]
    if (value === undefined) continue
    const texts = (Array.isArray(value) ? value : [value]).map(textOf)
    if (place === 'path') filled = filled.replace(`{${name}}`, () => inPath(texts[0] ?? ''))
    else if (place === 'header') headers[name] = encodeURIComponent(texts[0] ?? '')
    else for (const text of texts) query.append(name, text)
  }
  if (verb === 'GET' && path.endsWith('/wait')) query.set('timeoutMs', capped(query.get('timeoutMs') ?? '0'))
  const url = query.size === 0 ? filled : `${filled}?${query}`
  const sent = path.endsWith('/wait') ? impatient(request.body) : request.body
  // The head of the answer says it all; the stream itself does not end.
  if (path === '/v1/events') return head(server, url, headers)
  return server.ask(verb, url, { headers, ...(sent !== undefined && { body: JSON.stringify(sent) }) })
}

/** Clients themselves resolve `.` and `..`, and nothing at all is another path. */
function inPath(text: string): string {
  return text === '' || text === '.' || text === '..' ? '-' : encodeURIComponent(text)
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return text.toWellFormed()
}

/** Nobody waits here for long. */
function impatient(sent: unknown): unknown {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) return sent
  const { timeoutMs = 0 } = sent as { readonly timeoutMs?: unknown }
  return { ...sent, timeoutMs: typeof timeoutMs === 'number' ? Math.min(timeoutMs, WAIT_MS_MAX) : timeoutMs }
}

function capped(text: string): string {
  return Number(text) > WAIT_MS_MAX ? String(WAIT_MS_MAX) : text
}

async function head(server: HttpServer, url: string, headers: Record<string, string>): Promise<Answer> {
  const gone = new AbortController()
  const response = await fetch(`${server.url}${url}`, { headers, signal: gone.signal })
  const text = response.status === 200 ? '' : await response.text()
  gone.abort()
  const parsed = text === '' ? undefined : JSON.parse(text)
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: parsed,
    error: parsed?.error?.name,
  }
}

function checker({ responses, operationId }: Operation, { components }: Document): (answer: Answer) => void {
  const validators = new Map(
    Object.entries(responses).flatMap(([status, { content }]) => {
      const schema = content?.['application/json']?.schema
      return schema === undefined ? [] : [[status, Compile(resolved(schema, components.schemas) as object)]]
    }),
  )
  return ({ status, headers, text, error, body: got }) => {
    const where = `${operationId}: ${status} ${text.slice(0, 500)}`
    assert.ok(String(status) in responses, `a status that the document does not name: ${where}`)
    // Nothing that is asked can make a store fail.
    assert.ok(status < 500 || error === 'NOT_SUPPORTED', where)
    const [type = ''] = (headers.get('content-type') ?? '').split(';')
    const types = Object.keys(responses[status]!.content ?? {})
    assert.ok(types.length === 0 ? text === '' : types.includes(type), `${type} is not promised: ${where}`)
    const validator = validators.get(String(status))
    if (validator !== undefined && type === 'application/json')
      assert.ok(validator.Check(got), `not in the form that the document promises: ${where}`)
  }
}
