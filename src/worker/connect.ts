/** `connectWorker`: a worker behind a distributor, in the caller's own process. */

import { hostname } from 'node:os'
import { openRemoteEngine } from '../engine/remote/remote-engine.ts'
import { newTaskId } from '../task/ids.ts'
import type { ClientTlsSource } from '../wire/tls-dialer.ts'
import type { WorkerOptions } from './options.ts'
import { openWorker, type Worker } from './worker.ts'

export interface ConnectWorkerOptions extends Omit<WorkerOptions, 'engine' | 'clock' | 'random'> {
  /** For `chasquis://`: whom to trust, and who we are. As a function it is asked before each connection. Default: the public authorities. */
  readonly tls?: ClientTlsSource
  /** Where the distributor asks for one. */
  readonly token?: string
  /** How long the first connection may take. Default 5 s. */
  readonly connectTimeoutMs?: number
}

/**
 * Connects to a distributor, `chasqui://host:port` (`chasquis://` with TLS), and takes tasks. Later breaks heal by themselves: attempts that run on meanwhile
 * are recorded when the connection is back. The connection is closed when the worker has ended.
 * @throws ChasquiError CONFIG_INVALID, CONNECTION_LOST (nobody answers there), TLS_FAILED, UNAUTHENTICATED
 */
export async function connectWorker(url: string, options: ConnectWorkerOptions = {}): Promise<Worker> {
  const { tls, token, connectTimeoutMs, ...workerOptions } = options
  const identity = options.identity ?? { id: newTaskId(), pid: process.pid, host: hostname() }
  const engine = await openRemoteEngine({
    url,
    client: { name: 'chasqui worker', pid: process.pid, worker: identity },
    ...(tls !== undefined && { tls }),
    ...(token !== undefined && { token }),
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
  })
  try {
    const worker = openWorker({ ...workerOptions, engine, identity })
    void worker.ended.then(() => engine.close())
    return worker
  } catch (error) {
    await engine.close()
    throw error
  }
}
