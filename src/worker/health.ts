/**
 * The small HTTP server of a worker process: `/healthz` (it lives), `/readyz` (it takes tasks, or why not), `/metrics`. Nothing can be done through it and no
 * task is seen in it, so nobody is asked who he is; it listens on this machine unless told otherwise.
 *
 * Invariant: whatever comes in, a worker's tasks do not notice: no body is read, connections are few and short.
 */

import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { ChasquiError } from '../task/errors.ts'
import { HEALTH_CONNECTIONS_MAX, HEALTH_REQUEST_MS } from '../task/limits.ts'
import type { WorkerStats } from './worker.ts'

export const WORKER_UNREADY = {
  draining: 'The worker was told to stop: it finishes what it has and takes nothing new.',
  starting: 'Its threads have not loaded their modules yet.',
  disconnected: 'No tasks can come: its distributor, or the cluster, cannot be reached.',
  silent: 'Work waits and slots are free, but the queues deliver nothing.',
} as const

export type WorkerUnready = keyof typeof WORKER_UNREADY

export interface HealthServerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly stats: () => WorkerStats
  readonly isDraining: () => boolean
  /** What keeps tasks from coming to this process; null: nothing. */
  readonly whyNoTasks: () => Promise<'disconnected' | 'silent' | null>
  /** null: nothing is measured. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> } | null
}

export interface HealthServer {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Throws CONFIG_INVALID when it cannot listen there. */
export async function openHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = http.createServer({ requestTimeout: HEALTH_REQUEST_MS, headersTimeout: HEALTH_REQUEST_MS })
  server.maxConnections = HEALTH_CONNECTIONS_MAX
  server.on('request', (request, response) => {
    request.resume()
    answer(options, request.method ?? '', request.url ?? '').then(
      ({ status, type, text }) => {
        response.writeHead(status, { 'content-type': type, connection: 'close' })
        response.end(request.method === 'HEAD' ? undefined : text)
      },
      () => response.writeHead(500, { connection: 'close' }).end(),
    )
  })
  const { host, port } = options
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      const sentence = `the worker cannot listen on port ${port} of ${host} for --worker-http-port: ${error.message}`
      reject(new ChasquiError('CONFIG_INVALID', sentence, { cause: error }))
    })
    server.listen(port, host, resolve)
  })
  server.removeAllListeners('error').on('error', () => undefined)
  const bound = server.address() as AddressInfo
  return {
    host: bound.address,
    port: bound.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

async function answer(options: HealthServerOptions, method: string, url: string): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET\n')
  switch (url.split('?')[0]) {
    case '/healthz':
      return json(200, { alive: true })
    case '/readyz': {
      const reasons = await whyNotReady(options)
      return json(reasons.length === 0 ? 200 : 503, {
        ready: reasons.length === 0,
        reasons: reasons.map((reason) => ({ reason, message: WORKER_UNREADY[reason] })),
      })
    }
    case '/metrics': {
      const { metrics } = options
      if (metrics === null) return plain(404, 'nothing is measured: --metrics off\n')
      return { status: 200, type: metrics.contentType, text: await metrics.text() }
    }
    default:
      return plain(404, 'here are /healthz, /readyz and /metrics\n')
  }
}

async function whyNotReady(options: HealthServerOptions): Promise<WorkerUnready[]> {
  const { threadsReady, connected } = options.stats()
  if (options.isDraining()) return ['draining']
  if (threadsReady === 0) return ['starting']
  const why = connected ? await options.whyNoTasks() : 'disconnected'
  return why === null ? [] : [why]
}

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', text }
}

function json(status: number, value: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', text: `${JSON.stringify(value)}\n` }
}
