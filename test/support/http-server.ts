/** A real distributor with its HTTP face, both on free ports, for tests that ask it as a browser or a program would. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type HttpFace, openHttp } from '../../src/distributor/http/http-face.ts'
import type { HttpOptions } from '../../src/distributor/http/http-options.ts'
import { openWireServer, type WireServer, type WireServerOptions } from './wire-server.ts'

const CLOSE_DEADLINE_MS = 5_000
const ANSWER_DEADLINE_MS = 60_000

export interface HttpServer extends WireServer {
  readonly http: HttpFace
  readonly url: string
  ask(verb: string, path: string, options?: AskOptions): Promise<Answer>
}

export interface AskOptions {
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly token?: string
  readonly signal?: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  readonly body: any
  /** Of the error, where it is one. */
  readonly error: string | undefined
}

export async function openHttpServer(
  context: TestContext,
  options: WireServerOptions & { readonly face?: Partial<HttpOptions> } = {},
): Promise<HttpServer> {
  const wire = await openWireServer(context, options)
  const http = await openHttp({
    grounds: wire.distributor.grounds,
    host: '127.0.0.1',
    port: 0,
    guardsHost: options.access === undefined,
    ...(options.tls !== undefined && { tls: options.tls }),
    ...options.face,
  })
  context.after(() => http.close({ deadlineMs: CLOSE_DEADLINE_MS }))
  return { ...wire, http, url: http.url, ask: (verb, path, given) => ask(http.url, verb, path, given) }
}

export async function ask(
  url: string,
  verb: string,
  path: string,
  { body, headers = {}, token, signal }: AskOptions = {},
): Promise<Answer> {
  const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS)
  const response = await fetch(`${url}${path}`, {
    method: verb,
    redirect: 'manual',
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
  const parsed = isJson && text !== '' ? JSON.parse(text) : undefined
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: parsed,
    error: parsed?.error?.name,
  }
}

/** The body of an answer that must have this status. */
export async function body(answer: Promise<Answer>, status = 200): Promise<Answer['body']> {
  const got = await answer
  assert.equal(got.status, status, got.text)
  return got.body
}
