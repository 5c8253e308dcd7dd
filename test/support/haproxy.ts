/** A private HAProxy, with a configuration that is handed in. The process that is known here is the master; its workers come and go with reloads. */

import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram } from '../../scripts/programs.mjs'
import { type BalancerSetting, rendered } from './configuration.ts'
import { Daemon } from './daemon.ts'
import { atEnd, type Scope, temporaryFolder } from './temporary.ts'

const RELOAD_DEADLINE_MS = 20_000
const ANSWER_TIMEOUT_MS = 10_000
const LOOK_MS = 20

/** Ready when all its listeners are bound. */
export async function openHaproxy(scope: Scope, setting: BalancerSetting): Promise<Haproxy> {
  const balancer = new Haproxy(scope, setting)
  await balancer.start()
  return balancer
}

export class Haproxy {
  readonly folder: string
  readonly #setting: BalancerSetting
  #master: Daemon | null = null

  constructor(scope: Scope, setting: BalancerSetting) {
    this.folder = temporaryFolder(scope, 'haproxy')
    this.#setting = setting
    this.configure(setting)
    // TERM and not KILL: the master takes its workers along.
    atEnd(scope, () => this.#master?.kill('SIGTERM'))
  }

  /** Another configuration, from the next `start` or `reload` on. */
  configure(setting: BalancerSetting): void {
    writeFileSync(join(this.folder, 'haproxy.cfg'), rendered(setting, this.folder))
  }

  async start(): Promise<void> {
    const command = findProgram('haproxy')
    if (command === null) throw new Error('HAProxy is not installed')
    this.#master = Daemon.start({
      command,
      parameters: ['-W', '-f', join(this.folder, 'haproxy.cfg'), '-S', this.#socket],
      folder: this.folder,
      env: { ...process.env, ...this.#setting.env },
      deathSignal: 'TERM',
    })
    await this.#master.ready(async () => (await this.#processes()).fresh)
  }

  /** Returns when a new worker serves and the old one takes nothing new; connections of before go on there. */
  async reload(): Promise<void> {
    const before = await this.#processes()
    this.#running().signal('SIGUSR2')
    const untilMs = Date.now() + RELOAD_DEADLINE_MS
    for (;;) {
      const now = await this.#processes()
      if (now.reloads > before.reloads && now.fresh) return
      if (Date.now() > untilMs) throw new Error(`HAProxy did not reload:\n${this.log}`)
      await delay(LOOK_MS)
    }
  }

  /** A command of the runtime API to the current worker, such as `set server be/a state drain`. */
  async admin(command: string): Promise<string> {
    return (await this.#ask(`@1 ${command}`)).trim()
  }

  /** What it logged to standard output, the end of it. */
  get log(): string {
    return this.#running().output
  }

  async kill(): Promise<void> {
    await this.#running().kill('SIGTERM')
  }

  get #socket(): string {
    return join(this.folder, 'master.sock')
  }

  /** How often it was reloaded, and whether a worker of the last reload serves. */
  async #processes(): Promise<{ reloads: number; fresh: boolean }> {
    const text = await this.#ask('show proc').catch(() => '')
    const reloads = /^\d+\s+master\s+(\d+)/m.exec(text)
    const current = text.split('# old workers')[0]!
    return { reloads: Number(reloads?.[1] ?? -1), fresh: /^\d+\s+worker\s+0\s/m.test(current) }
  }

  /** One command to the master's own socket. */
  async #ask(command: string): Promise<string> {
    return await new Promise((resolve, reject) => {
      let answer = ''
      const socket = net.connect(this.#socket, () => socket.end(`${command}\n`))
      socket.setEncoding('utf8').setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
      socket.on('data', (text: string) => {
        answer += text
      })
      socket.once('error', reject)
      socket.once('close', () => resolve(answer))
    })
  }

  #running(): Daemon {
    if (this.#master === null) throw new Error('HAProxy is not running')
    return this.#master
  }
}
