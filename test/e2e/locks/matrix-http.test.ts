/**
 * The same matrix over HTTP: every route that is a command of the wire, by every kind of identity, on a queue and key of its own and of others. What is expected is the table of
 * the wire; a status says it in the words of HTTP.
 */

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { CommandRoute } from '../../../src/distributor/http/route.ts'
import { COMMAND_ROUTES } from '../../../src/distributor/http/routes.ts'
import { type Answer, type HttpServer, openHttpServer } from '../../support/http-server.ts'
import { issue } from '../../support/tokens.ts'
import { FOREIGN, OWN, type Place, PROBES, type Reply, Stage } from './matrix-probes.ts'
import { EXPECTED, NAMES, WHO } from './matrix-table.ts'

const SUBMIT: CommandRoute = { verb: 'POST', path: '/v1/tasks', command: 'task.submit', body: true }

async function openStage(t: TestContext) {
  const { tokens, access } = issue(WHO)
  const server = await openHttpServer(t, { access })
  const root = await server.connect()
  await root.ask('session.hello', { token: tokens.root })
  const stage = new Stage(root)
  await stage.open()
  return { server, tokens, stage }
}

/** The params of the wire, laid out as this route takes them. */
async function ask(
  server: HttpServer,
  route: CommandRoute,
  wireParams: object,
  token: string | undefined,
): Promise<Answer> {
  const params: Record<string, Reply> = { ...wireParams }
  const named = route.id === undefined ? undefined : params[route.id]
  if (route.id !== undefined) delete params[route.id]
  // Not asked by name here: all that there are.
  const query = new URLSearchParams(route.command === 'cron.list' ? { limit: '1000' } : {})
  for (const name of route.query ?? []) {
    if (params[name] !== undefined) query.set(name, String(params[name]))
    delete params[name]
  }
  const id = encodeURIComponent(Array.isArray(named) ? named[0] : (named ?? ''))
  const path = `${route.path.replace(':id', id)}${query.size === 0 ? '' : `?${query}`}`
  return server.ask(route.verb, path, {
    ...(route.body && { body: params }),
    ...(token !== undefined && { token }),
  })
}

async function probe(
  server: HttpServer,
  route: CommandRoute,
  token: string | undefined,
  stage: Stage,
  place: Place,
): Promise<string> {
  const [params, isDone] = await PROBES[route.command]!(stage, place)
  const { status, error, body } = await ask(server, route, params, token)
  if (status === 403 && error === 'FORBIDDEN') return 'no'
  if (status === 401 && error === 'UNAUTHENTICATED') return 'who'
  if (status === 404) return '-'
  if (status >= 300) return `${status} ${error}`
  const result = route.only === undefined ? body : { [route.only]: [body] }
  // None of them needs the connection; what does is no route.
  return (await isDone(result, null as never)) ? 'yes' : '-'
}

test('each route does for each identity what the table of the wire says', async (t) => {
  const { server, tokens, stage } = await openStage(t)
  for (const route of [SUBMIT, ...COMMAND_ROUTES]) {
    const found: string[] = []
    for (const name of NAMES) {
      const own = await probe(server, route, tokens[name], stage, OWN)
      const foreign = await probe(server, route, tokens[name], stage, FOREIGN)
      found.push(`${own}/${foreign}`)
    }
    assert.equal(found.join(' '), EXPECTED[route.command], `${route.verb} ${route.path}`)
  }
})

test('what is hidden is answered by HTTP, too, exactly like what never was', async (t) => {
  const { server, tokens, stage } = await openStage(t)
  const hidden = await stage.failed(FOREIGN)
  for (const [verb, path] of [
    ['GET', ''],
    ['GET', '/wait?timeoutMs=10000'],
    ['GET', '/log'],
    ['POST', '/cancel'],
    ['POST', '/retry'],
  ]) {
    const [about, never] = await Promise.all(
      [hidden, 'never'].map((id) => server.ask(verb!, `/v1/tasks/${id}${path}`, { token: tokens.clerk! })),
    )
    assert.equal(about!.status, never!.status, path)
    assert.equal(about!.text.replaceAll(hidden, 'never'), never!.text, path)
  }
})
