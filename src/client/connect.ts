/** `connect`: a client in front of a distributor. */

import { openRemoteEngine } from '../engine/remote/remote-engine.ts'
import { CONFIRM_TIMEOUT_MS } from '../task/limits.ts'
import type { ClientTlsSource } from '../wire/tls-dialer.ts'
import { type Client, type ClientOptions, createClient } from './client.ts'

export interface ConnectOptions extends Omit<ClientOptions, 'ownsEngine' | 'clock'> {
  /** For `chasquis://`: whom to trust, and who we are. As a function it is asked before each connection. Default: the public authorities. */
  readonly tls?: ClientTlsSource
  /** Where the distributor asks for one. */
  readonly token?: string
  /** Name of the program, for the log of the distributor. Default `chasqui client`. */
  readonly name?: string
  /** How long the first connection may take. Default 5 s. */
  readonly connectTimeoutMs?: number
}

/**
 * Connects to a distributor, `chasqui://host:port` (`chasquis://` with TLS); with several hosts, `chasqui://a:5000,b:5000`, to any one of them. Resolves when it
 * has answered. Later breaks heal by themselves: what was not confirmed is submitted again under the same ids, waits and watches go on.
 * The client keeps the process alive until it is closed.
 * @throws ChasquiError CONFIG_INVALID (the url cannot be used), CONNECTION_LOST (nobody answers there), TLS_FAILED, UNAUTHENTICATED
 */
export async function connect(url: string, options: ConnectOptions = {}): Promise<Client> {
  const { tls, token, name = 'chasqui client', connectTimeoutMs, ...clientOptions } = options
  const engine = await openRemoteEngine({
    url,
    client: { name, pid: process.pid },
    callTimeoutMs: clientOptions.confirmTimeoutMs ?? CONFIRM_TIMEOUT_MS,
    ...(tls !== undefined && { tls }),
    ...(token !== undefined && { token }),
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
  })
  return createClient(engine, { ...clientOptions, ownsEngine: true })
}
