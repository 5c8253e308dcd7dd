/** The OpenAPI document: valid, complete, and the same as what is mounted. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { COMMANDS } from '../../../src/distributor/commands.ts'
import { COMMAND_ROUTES } from '../../../src/distributor/http/routes.ts'
import { body, openHttpServer } from '../../support/http-server.ts'

const METRICS = { right: 'observe', contentType: 'text/plain', read: async () => 'up 1\n' } as const

/** Commands that make no sense without a connection of one's own, each with the reason. */
const NOT_OVER_HTTP: Readonly<Record<string, string>> = {
  'session.hello': 'every request says who it is',
  'session.ping': '/readyz',
  'rpc.discover': '/openapi.json',
  'task.submit': 'POST /v1/tasks, which takes one task, too',
  'task.watch': 'GET /v1/events',
  'task.unwatch': 'closing the stream',
  'work.consume': 'deliveries need a connection',
  'work.stop': 'likewise',
  'work.settle': 'likewise',
  'work.extend': 'likewise',
  'work.release': 'likewise',
  'work.progress': 'likewise',
  'work.log': 'likewise',
}

test('the document is valid OpenAPI 3.1', async (context) => {
  const { ask } = await openHttpServer(context, { face: { metrics: METRICS } })
  const document = await body(ask('GET', '/openapi.json'))
  const { valid, errors } = await new Validator().validate(document)
  assert.ok(valid, JSON.stringify(errors, null, 1))
  assert.equal(document.openapi, '3.1.0')
  assert.equal(document.info.version, '1.2.3')
})

test('every command that can be asked over HTTP has its route, with the right of the wire', async (context) => {
  const { ask } = await openHttpServer(context)
  const { paths } = await body(ask('GET', '/openapi.json'))
  const routed = new Set(COMMAND_ROUTES.map(({ command }) => command as string))
  for (const [name, { right }] of COMMANDS) {
    assert.notEqual(routed.has(name), name in NOT_OVER_HTTP, `${name}: route or reason, and not both`)
    for (const { verb, path } of COMMAND_ROUTES.filter(({ command }) => command === name)) {
      const operation = paths[path.replaceAll(/:(\w+)/g, '{$1}')][verb.toLowerCase()]
      assert.equal(operation['x-right'], right, path)
      assert.equal(operation.security?.length, 3)
    }
  }
})

test('operations have names of their own, and a summary, an answer and errors', async (context) => {
  const { ask } = await openHttpServer(context, { face: { metrics: METRICS } })
  const { paths } = await body(ask('GET', '/openapi.json'))
  const operations = Object.values(paths).flatMap((operations) => Object.values(operations as object))
  const names = operations.map(({ operationId }) => operationId)
  assert.equal(new Set(names).size, names.length, names.join(' '))
  assert.ok(operations.length >= 22, `${operations.length} operations`)
  for (const { summary, responses, operationId } of operations) {
    assert.ok(summary.endsWith('.'), operationId)
    assert.ok(Object.keys(responses).some((status) => status.startsWith('2')))
    assert.ok('503' in responses, operationId)
  }
})

test('what is not mounted is not in the document', async (context) => {
  const { ask } = await openHttpServer(context)
  assert.equal((await body(ask('GET', '/openapi.json'))).paths['/metrics'], undefined)
  assert.equal((await ask('GET', '/metrics')).status, 404)
})

test('the metrics of composition are served as they are', async (context) => {
  const { ask } = await openHttpServer(context, { face: { metrics: METRICS } })
  const answer = await ask('GET', '/metrics')
  assert.deepEqual([answer.status, answer.text], [200, 'up 1\n'])
  assert.match(answer.headers.get('content-type')!, /^text\/plain/)
})
