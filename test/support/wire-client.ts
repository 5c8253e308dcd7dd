/** A socket and its lines: what a program in any language would hold. Every wait has a deadline. */

import assert from 'node:assert/strict'
import net from 'node:net'

const DEADLINE_MS = 60_000

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
type Any = any

export class WireClient {
  readonly socket: net.Socket
  /** Lines that were not taken yet. */
  readonly lines: string[] = []
  #rest: string[] = []
  #ended = false
  #closed = false
  #wake: (() => void)[] = []
  #lastId = 0

  constructor(socket: net.Socket) {
    this.socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      this.#rest.push(text)
      // Joined once a line: a reply may be long.
      if (!text.includes('\n')) return
      const parts = this.#rest.join('').split('\n')
      this.#rest = [parts.pop()!]
      this.lines.push(...parts)
      this.#tell()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#tell()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#closed = true
      this.#tell()
    })
  }

  send(text: string | Buffer): void {
    this.socket.write(text)
  }

  /** The next line, parsed. */
  async next(): Promise<Any> {
    await this.until('a line', () => this.lines.length > 0)
    return JSON.parse(this.lines.shift()!)
  }

  /** The first message, here or to come, that fits; it is taken out. */
  async find(what: string, fits: (message: Any) => boolean): Promise<Any> {
    let found: Any
    await this.until(what, () => {
      for (let index = 0; index < this.lines.length; index++) {
        const message = JSON.parse(this.lines[index]!)
        if (!fits(message)) continue
        this.lines.splice(index, 1)
        found = message
        return true
      }
      return false
    })
    return found
  }

  /** The whole reply. */
  call(method: string, params: object = {}): Promise<Any> {
    const id = ++this.#lastId
    this.send(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return this.find(`the reply to ${method}`, (message) => message.id === id)
  }

  /** The result; an error is a failure of the test. */
  async ask(method: string, params: object = {}): Promise<Any> {
    const reply = await this.call(method, params)
    assert.equal(reply.error, undefined, JSON.stringify(reply.error))
    return reply.result
  }

  /** The name of the error; a result is a failure of the test. */
  async refusal(method: string, params: object = {}): Promise<string> {
    const reply = await this.call(method, params)
    assert.notEqual(reply.error, undefined, JSON.stringify(reply))
    return reply.error.data.name
  }

  notification(method: string): Promise<Any> {
    return this.find(`a ${method}`, (message) => message.method === method).then(({ params }) => params)
  }

  /** The server has ended its side. */
  ended(): Promise<void> {
    return this.until('the end of the connection', () => this.#ended || this.#closed)
  }

  closed(): Promise<void> {
    return this.until('the close of the connection', () => this.#closed)
  }

  /** Ends our side. */
  end(): void {
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    const untilMs = Date.now() + DEADLINE_MS
    while (!isSo()) {
      const leftMs = untilMs - Date.now()
      if (leftMs <= 0 || (this.#closed && !what.startsWith('the '))) {
        assert.fail(`did not come: ${what}; here are ${this.lines.slice(0, 5).join('\n')}`)
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, 1_000))
        this.#wake.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  #tell(): void {
    const wake = this.#wake
    this.#wake = []
    for (const call of wake) call()
  }
}

/** @param localAddress ours, for servers that look at it */
export async function connectWire(port: number, localAddress = '127.0.0.1'): Promise<WireClient> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress, noDelay: true, allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return new WireClient(socket)
}
