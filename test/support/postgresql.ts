/**
 * A private PostgreSQL on a free port: a primary, and standbys made from it. Durability is as it comes (fsync and synchronous_commit on), so
 * that what survives a `kill()` here was on disk. Works as root too, where the server itself runs as user postgres.
 */

import { appendFileSync, chmodSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findPostgreSql } from '../../scripts/programs.mjs'
import { accepts, Daemon, runTool } from './daemon.ts'
import { freePorts } from './ports.ts'
import { atEnd, type Scope, temporaryFolder } from './temporary.ts'

/** Processes of a killed server may hold its memory for a moment longer. */
const RESTART_DEADLINE_MS = 30_000
const LOOK_MS = 50
const SUPERUSER = 'postgres'

const CONFIGURATION = [
  "listen_addresses = '127.0.0.1'",
  "unix_socket_directories = ''",
  'max_connections = 200',
  'shared_buffers = 128MB',
  'wal_level = replica',
  'max_wal_senders = 5',
  'wal_keep_size = 64MB',
  'hot_standby = on',
  'logging_collector = off',
  'fsync = on',
  'synchronous_commit = on',
]

export interface PostgreSqlSetting {
  /** Lines for postgresql.conf, such as `max_connections = 20`; they win over what stands there. */
  readonly configuration?: readonly string[]
}

/** Starts a primary; it is gone, with its data, when the scope ends. */
export async function openPostgreSql(scope: Scope, setting: PostgreSqlSetting = {}): Promise<PostgreSql> {
  const folder = await serverFolder(scope)
  const data = join(folder, 'data')
  await command('initdb', [
    ...['-D', data, '-U', SUPERUSER, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--data-checksums'],
    // Syncing the empty cluster file by file protects nothing: what is written from here on is synced.
    '--no-sync',
  ])
  const lines = [...CONFIGURATION, ...(setting.configuration ?? []), '']
  appendFileSync(join(data, 'postgresql.conf'), lines.join('\n'))
  return await PostgreSql.open(scope, folder)
}

export class PostgreSql {
  readonly port: number
  readonly folder: string
  readonly #scope: Scope
  #server: Daemon | null = null

  private constructor(scope: Scope, folder: string, port: number) {
    this.#scope = scope
    this.folder = folder
    this.port = port
  }

  /** Starts what lies in `folder/data`. */
  static async open(scope: Scope, folder: string): Promise<PostgreSql> {
    const server = new PostgreSql(scope, folder, await freePorts())
    atEnd(scope, () => server.#discard())
    await server.start()
    return server
  }

  /** Of the database `postgres`, or of another. */
  url(database = 'postgres'): string {
    return `postgresql://${SUPERUSER}@127.0.0.1:${this.port}/${database}`
  }

  /** The pid of the postmaster, for signals of one's own. */
  get pid(): number {
    return this.#running().pid
  }

  async start(): Promise<void> {
    const untilMs = Date.now() + RESTART_DEADLINE_MS
    for (;;) {
      const server = Daemon.start({
        command: binary('postgres'),
        // The name stands in the title of each of its processes, by which a test finds those left behind.
        parameters: [
          '-D',
          join(this.folder, 'data'),
          '-p',
          `${this.port}`,
          '-c',
          `cluster_name=${basename(this.folder)}`,
        ],
        folder: this.folder,
        user: SUPERUSER,
        deathSignal: 'QUIT',
      })
      this.#server = server
      try {
        await server.ready(() => this.#answers())
        return
      } catch (error) {
        // "pre-existing shared memory block (key …, ID …) is still in use": the children of a killed postmaster end a moment later.
        const shared = /pre-existing shared memory block .*is still in use/.test(server.output)
        if (!shared || Date.now() > untilMs) throw error
        await delay(LOOK_MS)
      }
    }
  }

  /** kill -9 of the postmaster: its processes notice and end; nothing is written any more. */
  async kill(): Promise<void> {
    await this.#running().kill('SIGKILL')
  }

  /** "Fast": transactions are rolled back, then a checkpoint. */
  async stop(): Promise<void> {
    await this.#running().kill('SIGINT')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** Makes an empty database and answers with its URL. */
  async createDatabase(name: string): Promise<string> {
    await this.psql(`create database "${name}"`)
    return this.url(name)
  }

  /** What psql prints for a statement, without decoration: rows as lines, columns parted by `|`. */
  async psql(sql: string, database = 'postgres'): Promise<string> {
    const parameters = ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-d', this.url(database), '-c', sql]
    const stdout = await runTool(binary('psql'), parameters)
    return stdout.replace(/\n$/, '')
  }

  /**
   * A standby that follows this server. `synchronous`: commits here wait for it from now on, so that a failover loses nothing that was
   * confirmed.
   */
  async openStandby({ synchronous = false } = {}): Promise<PostgreSql> {
    const folder = await serverFolder(this.#scope)
    const target = ['-h', '127.0.0.1', '-p', `${this.port}`, '-U', SUPERUSER, '-D', join(folder, 'data')]
    await command('pg_basebackup', [...target, '-R', '-X', 'stream', '-c', 'fast'])
    const standby = await PostgreSql.open(this.#scope, folder)
    if (synchronous) {
      await this.psql("alter system set synchronous_standby_names = '*'")
      await this.psql('select pg_reload_conf()')
    }
    const wanted = synchronous ? "sync_state = 'sync'" : "state = 'streaming'"
    await standby.#running().ready(async () => {
      return (await this.psql(`select count(*) from pg_stat_replication where ${wanted}`)) !== '0'
    })
    return standby
  }

  /** Makes a standby a primary; it takes writes when this returns. */
  async promote(): Promise<void> {
    await this.psql('select pg_promote(true, 60)')
    // Taken over from the old primary, it would make every commit wait for a standby that there is not.
    await this.psql('alter system reset synchronous_standby_names')
    await this.psql('select pg_reload_conf()')
  }

  async #answers(): Promise<boolean> {
    if (!(await accepts(this.port))) return false
    return await this.psql('select 1').then(
      () => true,
      () => false,
    )
  }

  #running(): Daemon {
    if (this.#server === null || this.#server.ended !== null) throw new Error('PostgreSQL is not running')
    return this.#server
  }

  /** "Immediate": ends all its processes and frees its shared memory, which a kill -9 would leave. */
  async #discard(): Promise<void> {
    await this.#server?.kill('SIGQUIT')
  }
}

/** Owned by who runs the server, in a place that he can reach. */
async function serverFolder(scope: Scope): Promise<string> {
  const folder = temporaryFolder(scope, 'postgresql')
  const data = join(folder, 'data')
  mkdirSync(data, { mode: 0o700 })
  if (process.getuid?.() === 0) {
    chmodSync(folder, 0o755)
    await runTool('chown', [`${SUPERUSER}:`, data])
  }
  return folder
}

/** One of PostgreSQL's own programs, as the user that owns the data. */
async function command(name: string, parameters: readonly string[]): Promise<void> {
  await runTool(binary(name), parameters, { user: SUPERUSER })
}

function binary(name: string): string {
  const folder = findPostgreSql()
  if (folder === null) throw new Error('PostgreSQL is not installed')
  return join(folder, name)
}
