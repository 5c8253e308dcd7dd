/**
 * The role of a whole system on one machine: engine and distributor in this process, workers as child processes.
 *
 * The children are ended first, so that what they hold goes back while the distributor still listens.
 */

import { ChasquiError } from '../task/errors.ts'
import { type Address, addressText } from '../wire/address.ts'
import { passOnLogLevel } from './log-level.ts'
import type { Role } from './role.ts'
import { openServer, type Server } from './run-distributor.ts'
import { loadServerTls } from './server-tls.ts'
import { startWorkerProcesses, type WorkerProcessEvent, type WorkerProcesses } from './worker-processes.ts'

/** The exit code of a worker whose settings or modules cannot be used: starting it again would not help. */
export const USELESS_EXIT_CODE = 2

export interface UpOptions {
  /** The arguments of Node that start a worker, without its address. */
  readonly workerArgs: readonly string[]
  /** Settings that no list of processes should show. */
  readonly workerEnv: Readonly<Record<string, string>>
  /** Work to be done once the system is up; with its end the system ends, if it says so. */
  readonly play?: (up: RunningUp) => Promise<'stay' | number>
}

export interface RunningUp {
  readonly server: Server
  /** Where a process of this machine finds the distributor. */
  readonly local: Address
  readonly workers: WorkerProcesses
}

/** Resolves with the exit code, after everything is closed. */
export async function runUp(role: Role, { workerArgs, workerEnv, play }: UpOptions): Promise<number> {
  const { settings, log, stop, onReady } = role
  if (settings.tlsCa !== undefined && settings.workers > 0) {
    const why =
      '--tls-ca asks every client for a certificate, and the workers of `up` have none: add --workers 0 and start `chasqui worker` with certificates'
    throw new ChasquiError('CONFIG_INVALID', why)
  }
  const server = await openServer(role)
  const local = localAddress(server.address)
  const note = (event: WorkerProcessEvent) => {
    if (event.kind === 'started') log.event('up.worker-started', { worker: event.pid })
    else if (event.restartMs === null) log.event('up.worker-stopped', { worker: event.pid, why: event.why })
    else log.event('up.worker-died', { worker: event.pid, why: event.why, restartMs: event.restartMs })
  }
  const useless = Promise.withResolvers<never>()
  // Only raced below; before that nobody may be listening yet.
  useless.promise.catch(() => {})
  const workers = startWorkerProcesses({
    count: settings.workers,
    args: [...workerArgs, ...localConnection(settings, local), '--until-input-ends'],
    env: {
      ...process.env,
      ...workerEnv,
      ...(server.workerToken !== null && { CHASQUI_TOKEN: server.workerToken }),
    },
    drainMs: settings.drainMs,
    onEvent: (event) => {
      note(event)
      if (event.kind === 'ended' && event.exitCode === USELESS_EXIT_CODE) {
        useless.reject(
          new ChasquiError('CONFIG_INVALID', 'the workers cannot start; the line above says why.'),
        )
      }
    },
  })
  const level = passOnLogLevel(() => workers.pids)
  try {
    const http = server.httpUrl === null ? {} : { http: server.httpUrl }
    onReady({ role: 'up', address: server.url, ...http, engine: settings.engine })
    const played = play?.({ server, local, workers }) ?? Promise.resolve('stay' as const)
    const ended = await Promise.race([stop.drain, played.then(stayOrCode), useless.promise])
    const close = async () => {
      await Promise.race([server.giveNotice(), stop.now])
      await workers.close()
      await server.close()
      return typeof ended === 'number' ? ended : 0
    }
    return await Promise.race([close(), stop.now])
  } catch (error) {
    workers.kill()
    await server.close()
    throw error
  } finally {
    level.close()
    workers.kill()
  }
}

/** A play that wants the system to stay never ends the race. */
function stayOrCode(result: 'stay' | number): Promise<number> {
  return result === 'stay' ? new Promise<number>(() => {}) : Promise.resolve(result)
}

/** How a worker on this machine connects. Over TLS it trusts the very certificate of this server, whatever host that is for. */
function localConnection(settings: Role['settings'], local: Address): string[] {
  const loaded = loadServerTls(settings)
  if (loaded === null) return ['--connect', `chasqui://${addressText(local)}`]
  const trust = ['--tls-ca', settings.tlsCert!, '--tls-server-name', loaded.facts.name]
  return ['--connect', `chasquis://${addressText(local)}`, ...trust]
}

/** A server that listens on every address is reached on the loopback one. */
function localAddress({ host, port }: Address): Address {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port }
  return { host: host === '::' ? '::1' : host, port }
}
