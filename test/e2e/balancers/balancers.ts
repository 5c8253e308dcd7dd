/** HAProxy and nginx as deploy/ has them: those very files, with ports and paths of the test, in front of two distributors. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { findNginxStream } from '../../../scripts/programs.mjs'
import { type Haproxy, openHaproxy } from '../../support/haproxy.ts'
import { type Nginx, openNginx } from '../../support/nginx.ts'
import { freePorts } from '../../support/ports.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import type { Certificate } from './certificate.ts'
import { eventuallySo } from './parts.ts'

const deployed = (path: string) => readFileSync(resolve(import.meta.dirname, '../../../deploy', path), 'utf8')

export interface Behind {
  /** Ports of distributors that speak plain TCP. */
  readonly plain: readonly [number, number]
  /** Ports of distributors that speak TLS. Default: nobody is there. */
  readonly tls?: readonly [number, number]
  readonly certificate: Certificate
}

export interface Doors {
  readonly plain: number
  readonly tls: number
  readonly passthrough: number
}

const NOBODY = [1, 1] as const
const at = (port: number) => `127.0.0.1:${port}`

// ---- HAProxy ----------------------------------------------------------------------------------------------

export interface DeployedHaproxy {
  readonly haproxy: Haproxy
  readonly doors: Doors
  readonly metrics: number
  /** Waits until it calls a distributor `UP`, `DOWN` or `NOLB`. */
  until(server: 'a' | 'b', status: string, backend?: string): Promise<void>
}

export async function deployHaproxy(
  context: TestContext,
  { plain, tls = NOBODY, certificate }: Behind,
): Promise<DeployedHaproxy> {
  const first = await freePorts(4)
  const doors = { plain: first, tls: first + 1, passthrough: first + 2 }
  const metrics = first + 3
  const haproxy = await openHaproxy(context, {
    configuration: deployed('haproxy/haproxy.cfg'),
    env: {
      HAPROXY_ADMIN_SOCKET: join(temporaryFolder(context, 'haproxy-admin'), 'admin.sock'),
      HAPROXY_USER: userInfo().username,
      HAPROXY_GROUP: spawnSync('id', ['-gn'], { encoding: 'utf8' }).stdout.trim(),
      BIND_PLAIN: at(doors.plain),
      BIND_TLS: at(doors.tls),
      BIND_PASSTHROUGH: at(doors.passthrough),
      BIND_METRICS: at(metrics),
      TLS_BUNDLE: certificate.bundleFile,
      DISTRIBUTOR_A: at(plain[0]),
      DISTRIBUTOR_B: at(plain[1]),
      DISTRIBUTOR_A_TLS: at(tls[0]),
      DISTRIBUTOR_B_TLS: at(tls[1]),
    },
  })
  const status = async (server: string, backend: string) => {
    const rows = (await haproxy.admin('show stat')).split('\n')
    const columns = rows[0]!.split(',')
    const row = rows.find((one) => one.startsWith(`${backend},${server},`))?.split(',')
    return row?.[columns.indexOf('status')]
  }
  return {
    haproxy,
    doors,
    metrics,
    until: (server, wanted, backend = 'distributors') =>
      eventuallySo(
        `HAProxy calls ${server} ${wanted}`,
        async () => (await status(server, backend)) === wanted,
        () => haproxy.log,
      ),
  }
}

// ---- nginx ------------------------------------------------------------------------------------------------

export interface DeployedNginx {
  readonly nginx: Nginx
  readonly doors: Doors
  /** What an operator does before he stops a distributor: marks it `down` and reloads. */
  takeOut(server: 'a' | 'b'): Promise<void>
  /** The configuration as it was. */
  putBack(): Promise<void>
  accessLog(): string
}

export async function deployNginx(
  context: TestContext,
  { plain, tls = NOBODY, certificate }: Behind,
): Promise<DeployedNginx> {
  const first = await freePorts(3)
  const doors = { plain: first, tls: first + 1, passthrough: first + 2 }
  const configuration = deployed('nginx/nginx.conf')
  const replacements = (folder: string) => ({
    // The test bed says where it is, and that it stays in the foreground.
    'pid /run/nginx-chasqui.pid;': '',
    ...(findNginxStream()?.streamModule === '' && {
      'load_module /usr/lib/nginx/modules/ngx_stream_module.so;': '',
    }),
    '/var/log/nginx/chasqui-error.log': join(folder, 'error.log'),
    '/var/log/nginx/chasqui-access.log': join(folder, 'access.log'),
    '/etc/nginx/chasqui/cert.pem': certificate.certFile,
    '/etc/nginx/chasqui/key.pem': certificate.keyFile,
    'listen 5000': `listen ${at(doors.plain)}`,
    'listen 5001': `listen ${at(doors.tls)}`,
    'listen 5002': `listen ${at(doors.passthrough)}`,
    '10.0.0.11:5000': at(plain[0]),
    '10.0.0.12:5000': at(plain[1]),
    '10.0.0.11:5001': at(tls[0]),
    '10.0.0.12:5001': at(tls[1]),
  })
  const setting = { configuration, replacements, loadStream: false }
  const nginx = await openNginx(context, setting)
  return {
    nginx,
    doors,
    accessLog: () => readFileSync(join(nginx.folder, 'access.log'), 'utf8'),
    async putBack() {
      nginx.configure(setting)
      await nginx.reload()
    },
    async takeOut(server) {
      const address = at(plain[server === 'a' ? 0 : 1])
      nginx.configure({
        ...setting,
        replacements: (folder) => ({
          ...replacements(folder),
          [`server ${address}`]: `server ${address} down`,
        }),
      })
      await nginx.reload()
    },
  }
}
