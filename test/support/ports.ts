/**
 * Free ports for servers that must be told theirs. A port is looked for below the range from which the system takes the ports of outgoing
 * connections, and is held by a socket name of its own until this process ends, so that two test processes never choose the same one.
 */

import { once } from 'node:events'
import net from 'node:net'

/** Above what services use by habit, below Linux' range for outgoing connections (32768 …). */
const LOWEST = 10_100
const HIGHEST = 32_000
const TRIES = 200

const taken = new Set<number>()

/** The first of `count` neighbouring ports that nobody listens on, for this process alone. */
export async function freePorts(count = 1): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const first = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST - count))
    const ports = Array.from({ length: count }, (_, at) => first + at)
    if (ports.some((port) => taken.has(port))) continue
    if (await holdAll(ports)) return first
  }
  throw new Error(`found no ${count} free ports in a row between ${LOWEST} and ${HIGHEST}`)
}

/** All or none. */
async function holdAll(ports: readonly number[]): Promise<boolean> {
  const holds: net.Server[] = []
  for (const port of ports) {
    const hold = await listening(holdOf(port))
    if (hold !== null) holds.push(hold)
    if (hold === null || !(await isFree(port))) {
      await Promise.all(holds.map(close))
      return false
    }
  }
  for (const port of ports) taken.add(port)
  return true
}

/** An abstract socket ends with its process, whatever becomes of it, and leaves no file. Only Linux has them; elsewhere nothing is held. */
function holdOf(port: number): net.ListenOptions {
  return process.platform === 'linux'
    ? { path: `\0chasqui-test-port-${port}` }
    : { port: 0, host: '127.0.0.1' }
}

async function isFree(port: number): Promise<boolean> {
  const server = await listening({ port, host: '127.0.0.1' })
  if (server !== null) await close(server)
  return server !== null
}

async function close(server: net.Server): Promise<void> {
  server.close()
  await once(server, 'close')
}

async function listening(where: net.ListenOptions): Promise<net.Server | null> {
  const server = net.createServer((socket) => socket.destroy())
  server.unref()
  server.listen(where)
  try {
    await once(server, 'listening')
    return server
  } catch {
    return null
  }
}
