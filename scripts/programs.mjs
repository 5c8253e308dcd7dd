/**
 * The programs that tests, benchmarks and `npm run cluster` run besides Node: where each is found, which Debian packages bring it, and what
 * it is for. `npm run setup` installs by this list and the tests skip by it, so that the two cannot disagree.
 */

import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'

/** A plain user's PATH often lacks these, though everybody may run what is in them. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/opt/homebrew/bin', '/opt/homebrew/sbin']
/** Debian's own `rabbitmq-server` on the PATH changes the user and loses the environment; these are RabbitMQ's. */
const RABBITMQ_FOLDERS = [
  '/usr/lib/rabbitmq/bin',
  '/opt/homebrew/opt/rabbitmq/sbin',
  '/usr/local/opt/rabbitmq/sbin',
]
const POSTGRESQL_VERSIONS = '/usr/lib/postgresql'
const NGINX_STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'

/** The full path of a program, or null. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SYSTEM_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

/** The folder with RabbitMQ's own scripts, or null. */
export function findRabbitMq() {
  if (findProgram('epmd') === null) return null
  return RABBITMQ_FOLDERS.find((folder) => isExecutable(join(folder, 'rabbitmq-server'))) ?? null
}

/** The folder with `initdb`, `postgres` and their kin, of the newest version, or null. */
export function findPostgreSql() {
  const versions = existsSync(POSTGRESQL_VERSIONS) ? readdirSync(POSTGRESQL_VERSIONS) : []
  const newest = versions
    .filter((version) => isExecutable(join(POSTGRESQL_VERSIONS, version, 'bin/initdb')))
    .sort((a, b) => Number(b) - Number(a))[0]
  if (newest !== undefined) return join(POSTGRESQL_VERSIONS, newest, 'bin')
  const initdb = findProgram('initdb')
  return initdb === null ? null : dirname(initdb)
}

/** The full paths of all that a small Ceph with its S3 gateway needs, by name, or null. */
export function findCeph() {
  const names = ['ceph', 'ceph-authtool', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin']
  const paths = names.map((name) => [name, findProgram(name)])
  return paths.every(([, path]) => path !== null) ? Object.fromEntries(paths) : null
}

/** nginx that can pass TCP on: its path and the module to load, which is '' where it is built in; or null. */
export function findNginxStream() {
  const path = findProgram('nginx')
  if (path === null) return null
  if (existsSync(NGINX_STREAM_MODULE)) return { path, streamModule: NGINX_STREAM_MODULE }
  const { stderr } = spawnSync(path, ['-V'], { encoding: 'utf8' })
  return /--with-stream(\s|$)/.test(stderr ?? '') ? { path, streamModule: '' } : null
}

/** A Python that knows pika. */
export function findPika() {
  return findPython('pika')
}

/** A Python that knows Celery. */
export function findCelery() {
  return findPython('celery')
}

/** Debian's packages are for Debian's own Python, which need not be the first on the path. */
function findPython(module) {
  const knows = (command) => spawnSync(command, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0
  return ['python3', '/usr/bin/python3'].find(knows) ?? null
}

const on = (name) => () => findProgram(name) !== null

/** In the order of their use by the tests: what is it, does it exist, the Debian packages that bring it, and who needs it. */
export const PROGRAMS = [
  {
    name: 'python3',
    isThere: on('python3'),
    debian: ['python3'],
    purpose: 'the test of a worker written with a socket and JSON',
  },
  {
    name: 'strace',
    isThere: on('strace'),
    debian: ['strace'],
    purpose: 'the proof that a task is synced before it is confirmed',
  },
  {
    name: 'sqlite3',
    isThere: on('sqlite3'),
    debian: ['sqlite3'],
    purpose: 'the test that the store opens with the sqlite3 shell',
  },
  {
    name: 'redis-server',
    isThere: on('redis-server'),
    debian: ['redis-server'],
    purpose: 'the side-by-side benchmark with BullMQ',
  },
  {
    name: 'RabbitMQ',
    isThere: () => findRabbitMq() !== null,
    debian: ['rabbitmq-server'],
    purpose: 'the cluster engine and npm run cluster',
  },
  {
    name: 'PostgreSQL',
    isThere: () => findPostgreSql() !== null,
    debian: ['postgresql'],
    purpose: 'the cluster engine and npm run cluster',
  },
  {
    name: 'Ceph with radosgw',
    isThere: () => findCeph() !== null,
    debian: ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-common'],
    purpose: 'S3 in the tests of the cluster engine and in npm run cluster',
  },
  {
    name: 'HAProxy',
    isThere: on('haproxy'),
    debian: ['haproxy'],
    purpose: 'the tests of deploy/haproxy and npm run cluster',
  },
  {
    name: 'nginx with stream',
    isThere: () => findNginxStream() !== null,
    debian: ['nginx', 'libnginx-mod-stream'],
    purpose: 'the tests of deploy/nginx',
  },
  {
    name: 'pika',
    isThere: () => findPika() !== null,
    debian: ['python3', 'python3-pika'],
    purpose: 'the test of a foreign producer over AMQP',
  },
  {
    name: 'Celery',
    isThere: () => findCelery() !== null,
    debian: ['python3', 'python3-celery'],
    purpose: 'the side-by-side benchmark of the cluster engine',
  },
  {
    name: 'Chromium',
    isThere: on('chromium'),
    debian: ['chromium'],
    purpose: 'the tests of the web page',
  },
  {
    name: 'Prometheus with promtool',
    isThere: () => findProgram('prometheus') !== null && findProgram('promtool') !== null,
    debian: ['prometheus'],
    purpose: 'the tests of the metrics, the alert rules and the dashboards',
  },
  {
    name: 'Alertmanager',
    isThere: on('prometheus-alertmanager'),
    debian: ['prometheus-alertmanager'],
    purpose: 'the test that an alert arrives',
  },
  {
    name: 'curl',
    isThere: on('curl'),
    debian: ['curl'],
    purpose: 'the tests of the HTTP doors by a foreign client',
  },
  {
    name: 'openssl',
    isThere: on('openssl'),
    debian: ['openssl'],
    purpose: 'the tests of TLS by a foreign client',
  },
]

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
