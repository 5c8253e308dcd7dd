/**
 * A private S3 gateway of Ceph (mon, osd and radosgw, everything in memory): the real rules for signatures, conditions and checksums, which
 * imitations do not keep. Ready in some 13 seconds, so it is started once a run (see bed.ts). Stopping the osd loses what was stored.
 */

import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type CephProgram, findCeph } from '../../scripts/programs.mjs'
import type { Bucket } from './bed.ts'
import { accepts, Daemon, runTool } from './daemon.ts'
import { freePorts } from './ports.ts'
import { atEnd, type Scope, temporaryFolder } from './temporary.ts'

const REGION = 'us-east-1'
/** Messengers of the osd take what they need out of these, beside two for the mon and one for S3. */
const MESSENGER_PORTS = 20
const GATEWAY = 2
const MESSENGERS = 3

/** Starts all three; they are gone, with what they stored, when the scope ends. */
export async function openRadosgw(scope: Scope): Promise<Radosgw> {
  const gateway = new Radosgw(
    scope,
    temporaryFolder(scope, 'ceph'),
    await freePorts(MESSENGERS + MESSENGER_PORTS),
  )
  await gateway.start()
  return gateway
}

export class Radosgw {
  readonly folder: string
  readonly accessKey = `key-${randomBytes(4).toString('hex')}`
  readonly secretKey = randomBytes(16).toString('hex')
  readonly #scope: Scope
  readonly #port: number
  readonly #programs: Readonly<Record<CephProgram, string>>
  readonly #configuration: string
  #gateway: Daemon | null = null

  constructor(scope: Scope, folder: string, port: number) {
    const programs = findCeph()
    if (programs === null) throw new Error('Ceph with radosgw is not installed')
    this.#scope = scope
    this.folder = folder
    this.#port = port
    this.#programs = programs
    this.#configuration = join(folder, 'ceph.conf')
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port + GATEWAY}`
  }

  async start(): Promise<void> {
    for (const part of ['mon', 'osd', 'run', 'rgw', 'crash']) mkdirSync(join(this.folder, part))
    const id = randomUUID()
    writeFileSync(this.#configuration, configuration(this.folder, id, this.#port))
    await this.#startMonitor(id)
    await this.#startStore()
    await this.startGateway()
    const keys = ['--access-key', this.accessKey, '--secret-key', this.secretKey]
    await this.admin(['user', 'create', '--uid', 'chasqui', '--display-name', 'chasqui', ...keys])
  }

  /** What `radosgw-admin` prints: for users with fewer rights, quotas and the like. */
  async admin(parameters: readonly string[]): Promise<string> {
    return await this.#run('radosgw-admin', ['-n', 'client.admin', ...parameters])
  }

  /** The process that speaks S3; what is stored outlives it. */
  async startGateway(): Promise<void> {
    this.#gateway = this.#daemon('radosgw', ['-n', 'client.admin'])
    await this.#gateway.ready(
      async () => (await accepts(this.#port + GATEWAY)) && (await answers(this.endpoint)),
    )
  }

  async killGateway(): Promise<void> {
    await this.#gateway?.kill()
  }

  /** SIGSTOP: requests are taken and not answered. */
  freezeGateway(): void {
    this.#gateway?.signal('SIGSTOP')
  }

  thawGateway(): void {
    this.#gateway?.signal('SIGCONT')
  }

  #client(): S3Client {
    return new S3Client({
      endpoint: this.endpoint,
      region: REGION,
      credentials: { accessKeyId: this.accessKey, secretAccessKey: this.secretKey },
      forcePathStyle: true,
    })
  }

  /** An object as text. */
  async read(bucket: string, key: string): Promise<string> {
    const client = this.#client()
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
      return await Body!.transformToString()
    } finally {
      client.destroy()
    }
  }

  async createBucket(name: string): Promise<Bucket> {
    const client = this.#client()
    await client.send(new CreateBucketCommand({ Bucket: name }))
    client.destroy()
    return {
      objects: `s3://${name}?endpoint=${this.endpoint}`,
      env: { AWS_ACCESS_KEY_ID: this.accessKey, AWS_SECRET_ACCESS_KEY: this.secretKey, AWS_REGION: REGION },
    }
  }

  async #startMonitor(id: string): Promise<void> {
    const [keyring, map] = [join(this.folder, 'keyring'), join(this.folder, 'monmap')]
    const all = ['mon', 'osd', 'mgr'].flatMap((part) => ['--cap', part, 'allow *'])
    await this.#tool('ceph-authtool', [
      keyring,
      '--create-keyring',
      '--gen-key',
      '-n',
      'client.admin',
      ...all,
    ])
    await this.#tool('ceph-authtool', [keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *'])
    const address = `[v2:127.0.0.1:${this.#port},v1:127.0.0.1:${this.#port + 1}]`
    await this.#tool('monmaptool', ['--create', '--fsid', id, '--addv', 'a', address, map])
    await this.#run('ceph-mon', ['--mkfs', '-i', 'a', '--monmap', map, '--keyring', keyring])
    const monitor = this.#daemon('ceph-mon', ['-i', 'a'])
    await monitor.ready(() => this.#says(['--connect-timeout', '5', 'quorum_status'], ''))
  }

  async #startStore(): Promise<void> {
    await this.#run('ceph', ['osd', 'create'])
    await this.#run('ceph-osd', ['--mkfs', '-i', '0'])
    const store = this.#daemon('ceph-osd', ['-i', '0'])
    await store.ready(() => this.#says(['osd', 'stat'], '1 up'))
  }

  #daemon(name: CephProgram, parameters: readonly string[]): Daemon {
    const daemon = Daemon.start({
      command: this.#programs[name],
      parameters: ['-c', this.#configuration, '-f', ...parameters],
      folder: this.folder,
    })
    atEnd(this.#scope, () => daemon.kill())
    return daemon
  }

  async #says(parameters: readonly string[], text: string): Promise<boolean> {
    return await this.#run('ceph', parameters).then(
      (output) => output.includes(text),
      () => false,
    )
  }

  async #run(name: CephProgram, parameters: readonly string[]): Promise<string> {
    return await this.#tool(name, ['-c', this.#configuration, ...parameters])
  }

  async #tool(name: CephProgram, parameters: readonly string[]): Promise<string> {
    const env = { ...process.env, CEPH_CONF: this.#configuration }
    return await runTool(this.#programs[name], parameters, { env })
  }
}

async function answers(endpoint: string): Promise<boolean> {
  return await fetch(endpoint, { signal: AbortSignal.timeout(5_000) }).then(
    (response) => response.ok,
    () => false,
  )
}

/** One of each, no authentication between them, one replica, a placement group a pool. */
function configuration(folder: string, id: string, port: number): string {
  return `[global]
fsid = ${id}
mon_host = [v2:127.0.0.1:${port},v1:127.0.0.1:${port + 1}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = ${port + MESSENGERS}
ms_bind_port_max = ${port + MESSENGERS + MESSENGER_PORTS - 1}
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
keyring = ${folder}/keyring
run_dir = ${folder}/run
admin_socket = ${folder}/run/$name.asok
pid_file = ${folder}/run/$name.pid
log_file = ${folder}/$name.log
mon_cluster_log_file = ${folder}/cluster.log
crash_dir = ${folder}/crash
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
mon_max_pg_per_osd = 1000
osd_max_object_name_len = 256
mon_osd_down_out_interval = 0
mon_data_avail_crit = 0
mon_data_avail_warn = 0
plugin_dir = ${systemFolder('ceph')}
[mon]
mon_data = ${folder}/mon
mon_initial_members = a
[osd]
osd_data = ${folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 2147483648
osd_class_dir = ${systemFolder('rados-classes')}
osd_memory_target = 939524096
osd_heartbeat_grace = 30
[client]
# The gateway's own default, secure, waits for ever where authentication is none.
ms_mon_client_mode = crc
rgw_frontends = beast endpoint=127.0.0.1:${port + GATEWAY}
rgw_data = ${folder}/rgw
rgw_enable_usage_log = false
rgw_thread_pool_size = 32
rgw_dns_name = localhost
rgw_enable_apis = s3, admin
`
}

/** Debian puts them under the name of the architecture, others straight into the library folder. */
function systemFolder(name: string): string {
  const triplets = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as Record<string, string>
  const places = [`/usr/lib/${triplets[process.arch]}`, '/usr/lib64', '/usr/lib']
  return join(places.find((place) => existsSync(join(place, name))) ?? places[0]!, name)
}
