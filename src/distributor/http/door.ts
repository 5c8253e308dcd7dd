/**
 * Connections of strangers, where one has to say who he is: so many of an address at a time, until a request on them showed a token. What they send is
 * bounded by the deadlines of the server.
 */

import type { Socket } from 'node:net'
import { type Networks, plainAddress } from '../../wire/networks.ts'
import type { Access } from '../access/access.ts'
import type { Doorkeeper } from '../access/doorkeeper.ts'

export interface DoorOptions {
  readonly access: Access
  readonly doorkeeper: Doorkeeper
  /** Connections of a trusted balancer are of many people. */
  readonly proxies: Networks | null
}

export class Door {
  readonly #options: DoorOptions
  readonly #atTheDoor = new WeakMap<Socket, string>()

  constructor(options: DoorOptions) {
    this.#options = options
  }

  /** @returns false: there is no room, and the socket was closed */
  receive(socket: Socket): boolean {
    const { access, doorkeeper, proxies } = this.#options
    const peer = plainAddress(socket.remoteAddress ?? 'unknown')
    if (access.anonymous.grants.length > 0 || proxies?.has(peer) === true) return true
    if (!doorkeeper.enter(peer)) {
      socket.destroy()
      return false
    }
    this.#atTheDoor.set(socket, peer)
    socket.once('close', () => this.letIn(socket))
    return true
  }

  /** Somebody on this connection has said who he is, or nobody is there any more. Repeatable. */
  letIn(socket: Socket): void {
    const peer = this.#atTheDoor.get(socket)
    if (peer === undefined) return
    this.#atTheDoor.delete(socket)
    this.#options.doorkeeper.leave(peer)
  }
}
