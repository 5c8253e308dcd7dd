/** A private nginx that passes TCP on, with a configuration that is handed in. */

import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findNginxStream } from '../../scripts/programs.mjs'
import { type BalancerSetting, rendered } from './configuration.ts'
import { Daemon } from './daemon.ts'
import { atEnd, type Scope, temporaryFolder } from './temporary.ts'

const run = promisify(execFile)
const RELOAD_DEADLINE_MS = 20_000
const LOOK_MS = 20

export interface NginxSetting extends BalancerSetting {
  /** Whether the stream module is loaded for the configuration; not where it loads it itself. It does `daemon off` and `pid` in any case. */
  readonly loadStream?: boolean
}

/** Ready when all its listeners are bound. */
export async function openNginx(scope: Scope, setting: NginxSetting): Promise<Nginx> {
  const balancer = new Nginx(scope, setting)
  await balancer.start()
  return balancer
}

export class Nginx {
  readonly folder: string
  readonly #setting: NginxSetting
  #master: Daemon | null = null

  constructor(scope: Scope, setting: NginxSetting) {
    this.folder = temporaryFolder(scope, 'nginx')
    this.#setting = setting
    this.configure(setting)
    // TERM and not KILL: the master takes its workers along.
    atEnd(scope, () => this.#master?.kill('SIGTERM'))
  }

  /** Another configuration, from the next `start` or `reload` on. */
  configure(setting: NginxSetting): void {
    writeFileSync(join(this.folder, 'nginx.conf'), rendered(setting, this.folder))
  }

  async start(): Promise<void> {
    const found = findNginxStream()
    if (found === null) throw new Error('nginx with its stream module is not installed')
    const load = this.#setting.loadStream !== false && found.streamModule !== ''
    const globals = `${load ? `load_module ${found.streamModule};` : ''} daemon off; pid ${this.folder}/nginx.pid;`
    this.#master = Daemon.start({
      command: found.path,
      parameters: [
        ...['-p', this.folder, '-c', join(this.folder, 'nginx.conf')],
        ...['-e', join(this.folder, 'error.log'), '-g', globals],
      ],
      folder: this.folder,
      env: { ...process.env, ...this.#setting.env },
      deathSignal: 'TERM',
    })
    await this.#master.ready(async () => (await this.#workers()).length > 0)
  }

  /** Returns when only new workers take connections; those of before go on in the old ones. */
  async reload(): Promise<void> {
    const before = await this.#workers()
    this.#running().signal('SIGHUP')
    const untilMs = Date.now() + RELOAD_DEADLINE_MS
    for (;;) {
      const now = await this.#workers()
      if (now.length > 0 && !now.some((pid) => before.includes(pid))) return
      if (Date.now() > untilMs) throw new Error(`nginx did not reload:\n${this.log}`)
      await delay(LOOK_MS)
    }
  }

  /** Its own messages: the log of errors, and what it said before it had one. */
  get log(): string {
    const file = join(this.folder, 'error.log')
    return `${this.#running().output}${existsSync(file) ? readFileSync(file, 'utf8') : ''}`
  }

  async kill(): Promise<void> {
    await this.#running().kill('SIGTERM')
  }

  /** The pids of the workers that take new connections. */
  async #workers(): Promise<string[]> {
    const { stdout } = await run('ps', ['-axo', 'pid=,ppid=,args='])
    return stdout.split('\n').flatMap((line) => {
      const [, pid, parent, title] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
      const isWorker = parent === `${this.#running().pid}` && title!.startsWith('nginx: worker process')
      return isWorker && !title!.includes('shutting down') ? [pid!] : []
    })
  }

  #running(): Daemon {
    if (this.#master === null) throw new Error('nginx is not running')
    return this.#master
  }
}
