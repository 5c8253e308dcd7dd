/**
 * A private RabbitMQ on free ports, with its own epmd (Erlang's directory of nodes), cookie and data. What the machine's own RabbitMQ uses is not
 * touched. Nodes of a cluster (`rabbitmq-cluster.ts`) are made of the same class.
 */

import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, findRabbitMq } from '../../scripts/programs.mjs'
import { accepts, Daemon, runTool } from './daemon.ts'
import { freePorts } from './ports.ts'
import { atEnd, type Scope, temporaryFolder } from './temporary.ts'

const API_TIMEOUT_MS = 60_000
/** AMQP, distribution, management, one to spare, and five for rabbitmqctl, which listens while it runs. */
const PORTS_PER_NODE = 9
const DISTRIBUTION = 1
const MANAGEMENT = 2
const CTL = 4
/** Two schedulers, and none of them burns the processor while it waits: the tests share the machine. */
const ERLANG_FLAGS = '+sbwt none +sbwtdcpu none +sbwtdio none -start_epmd false'

export interface RabbitMqSetting {
  /** Lines for rabbitmq.conf, such as `consumer_timeout = 8000`; they win over what stands there. */
  readonly configuration?: readonly string[]
  /** The terms of advanced.config, one an application, such as `{rabbit,[{channel_tick_interval,1000}]}`. */
  readonly advanced?: readonly string[]
}

/** What nodes that know each other have in common. */
export interface RabbitMqFamily {
  readonly folder: string
  readonly epmdPort: number
}

/** Starts one node; it is gone, with its data, when the scope ends. */
export async function openRabbitMq(scope: Scope, setting: RabbitMqSetting = {}): Promise<RabbitMq> {
  const family = await openFamily(scope)
  const node = await RabbitMq.create(scope, family, 'chasqui', setting)
  await node.start()
  return node
}

export async function openFamily(scope: Scope): Promise<RabbitMqFamily> {
  const folder = temporaryFolder(scope, 'rabbitmq')
  writeFileSync(join(folder, '.erlang.cookie'), randomBytes(20).toString('hex'), { mode: 0o400 })
  const epmdPort = await freePorts()
  const command = findProgram('epmd')
  if (command === null) throw new Error('RabbitMQ is not installed')
  const epmd = Daemon.start({
    command,
    parameters: ['-address', '127.0.0.1', '-port', `${epmdPort}`],
    folder,
    env: { ...process.env, HOME: folder },
  })
  atEnd(scope, () => epmd.kill())
  await epmd.ready(() => accepts(epmdPort))
  return { folder, epmdPort }
}

export class RabbitMq {
  readonly name: string
  readonly port: number
  readonly folder: string
  readonly #env: NodeJS.ProcessEnv
  readonly #scripts: string
  #server: Daemon | null = null
  #frozen = false

  private constructor(name: string, folder: string, port: number, env: NodeJS.ProcessEnv, scripts: string) {
    this.name = name
    this.folder = folder
    this.port = port
    this.#env = env
    this.#scripts = scripts
  }

  /** Lays out a node without starting it. */
  static async create(
    scope: Scope,
    family: RabbitMqFamily,
    name: string,
    { configuration = [], advanced = [] }: RabbitMqSetting = {},
  ): Promise<RabbitMq> {
    const scripts = findRabbitMq()
    if (scripts === null) throw new Error('RabbitMQ is not installed')
    const folder = join(family.folder, name)
    for (const part of ['mnesia', 'log', 'generated']) mkdirSync(join(folder, part), { recursive: true })
    const port = await freePorts(PORTS_PER_NODE)
    const lines = [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      `management.tcp.ip = 127.0.0.1`,
      `management.tcp.port = ${port + MANAGEMENT}`,
      'loopback_users = none',
      'disk_free_limit.absolute = 50MB',
      'vm_memory_high_watermark.absolute = 1GB',
      'log.file.level = info',
      'log.console = false',
      ...configuration,
    ]
    // One term an application: a second one would replace the first.
    const terms = advanced.length > 0 ? advanced : ['{rabbit,[{quorum_tick_interval,1000}]}']
    writeFileSync(join(folder, 'rabbitmq.conf'), `${lines.join('\n')}\n`)
    writeFileSync(join(folder, 'advanced.config'), `[${terms.join(',\n')}].\n`)
    writeFileSync(join(folder, 'enabled_plugins'), '[rabbitmq_management].\n')
    const env = environment(family, `${name}@localhost`, folder, port)
    const node = new RabbitMq(`${name}@localhost`, folder, port, env, scripts)
    // A graceful end takes six seconds, and its data goes with it anyway.
    atEnd(scope, () => node.#server?.kill('SIGKILL'))
    return node
  }

  /** For a virtual host of its own, see `addVirtualHost`. */
  url(virtualHost = '/'): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}/${encodeURIComponent(virtualHost)}`
  }

  /** A call of the HTTP API, such as `api('GET', 'queues')`: twenty times as quick as rabbitmqctl. */
  async api(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.port + MANAGEMENT}/api/${path}`, {
      method,
      headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(API_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? null : JSON.parse(text)
  }

  /** The pid of the Erlang machine. */
  get pid(): number {
    return this.#running().pid
  }

  /** Ready when it takes AMQP connections. */
  async start(): Promise<void> {
    this.launch()
    await this.ready()
  }

  /** Without waiting until it is ready. */
  launch(): void {
    this.#frozen = false
    this.#server = Daemon.start({
      command: join(this.#scripts, 'rabbitmq-server'),
      parameters: [],
      folder: this.folder,
      env: this.#env,
    })
  }

  async ready(): Promise<void> {
    await this.#running().ready(() => this.#takesConnections())
  }

  /**
   * Puts on disk which quorum queues there are. RabbitMQ 3.10 does that up to a second or two after it has confirmed a new queue and messages in it;
   * killed before that, it comes back with the queue empty and without a leader, so that whoever uses it waits for ever.
   */
  async flush(): Promise<void> {
    await this.ctl(['eval', '[ok = dets:sync(Table) || Table <- dets:all()], done.'])
  }

  /** Neither killed nor stopped nor frozen. */
  get isRunning(): boolean {
    return this.#server !== null && this.#server.ended === null && !this.#frozen
  }

  /** Waits until so many nodes, this one counted, run together as it sees it. */
  async waitForPeers(count: number): Promise<void> {
    await this.#running().ready(async () => {
      const running = await this.ctl(['eval', 'length(rabbit_nodes:all_running()).'])
      return running === `${count}`
    })
  }

  /** kill -9: as a power cut that the disk survives. See `flush`. */
  async kill(): Promise<void> {
    await this.#running().kill('SIGKILL')
  }

  /** Gracefully; takes some six seconds. */
  async stop(): Promise<void> {
    await this.#running().kill('SIGTERM')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  /** SIGSTOP: it says nothing any more, and its connections stay. */
  freeze(): void {
    this.#running().signal('SIGSTOP')
    this.#frozen = true
  }

  thaw(): void {
    this.#running().signal('SIGCONT')
    this.#frozen = false
  }

  /** What `rabbitmqctl` prints; half a second a call. */
  async ctl(parameters: readonly string[]): Promise<string> {
    const stdout = await runTool(join(this.#scripts, 'rabbitmqctl'), ['-q', ...parameters], {
      env: this.#env,
    })
    return stdout.trim()
  }

  /** Makes an empty virtual host that the user guest may use, and answers with its URL. */
  async addVirtualHost(name: string): Promise<string> {
    // Who makes one over the API may use it.
    await this.api('PUT', `vhosts/${encodeURIComponent(name)}`, {})
    return this.url(name)
  }

  async deleteVirtualHost(name: string): Promise<void> {
    await this.api('DELETE', `vhosts/${encodeURIComponent(name)}`)
  }

  async #takesConnections(): Promise<boolean> {
    return (await accepts(this.port)) && (await accepts(this.port + MANAGEMENT))
  }

  #running(): Daemon {
    if (this.#server === null || this.#server.ended !== null) throw new Error(`${this.name} is not running`)
    return this.#server
  }
}

function environment(
  family: RabbitMqFamily,
  nodeName: string,
  folder: string,
  port: number,
): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    LANG: 'C.UTF-8',
    HOME: family.folder,
    ERL_EPMD_PORT: `${family.epmdPort}`,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // Named, so that no file of the machine's own is read.
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
    RABBITMQ_NODENAME: nodeName,
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(folder, 'generated'),
    RABBITMQ_FEATURE_FLAGS_FILE: join(folder, 'feature_flags'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'advanced.config'),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: `${port}`,
    RABBITMQ_DIST_PORT: `${port + DISTRIBUTION}`,
    RABBITMQ_CTL_DIST_PORT_MIN: `${port + CTL}`,
    RABBITMQ_CTL_DIST_PORT_MAX: `${port + PORTS_PER_NODE - 1}`,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S 2:2 ${ERLANG_FLAGS} -kernel inet_dist_use_interface {127,0,0,1}`,
    RABBITMQ_CTL_ERL_ARGS: `+S 1:1 ${ERLANG_FLAGS}`,
    // Makes the start script become the server (exec), so that the pid that is killed is the server's.
    RUNNING_UNDER_SYSTEMD: 'true',
  }
}
