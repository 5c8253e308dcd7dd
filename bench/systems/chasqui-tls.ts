/** Ours behind its locks: TLS with a certificate of a private authority, and a token for everybody, against the plain one of the same run. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeAuthority } from '../../src/app/dev-certificates.ts'
import { createToken } from '../../src/distributor/access/token.ts'
import { formatTokenFile } from '../../src/distributor/access/token-file.ts'
import { chasqui, startChasqui } from './chasqui.ts'
import type { System } from './system.ts'

export const chasquiTls: System = {
  ...chasqui,
  name: 'Chasqui TLS',
  async start(context) {
    const authority = await makeAuthority('Benchmark', Date.now())
    const { certPem, keyPem } = await authority.issue({ name: 'localhost', hosts: ['127.0.0.1'] })
    const write = (name: string, text: string) => {
      const path = join(context.folder, name)
      writeFileSync(path, text, { mode: 0o600 })
      return path
    }
    const ca = write('ca.pem', authority.certPem)
    const { token, ...proof } = createToken()
    const entry = { ...proof, name: 'bench', roles: ['admin'], grants: [], expiresAt: null, limits: {} }
    const file = {
      roles: {},
      certificates: [],
      anonymous: [],
      tokens: [{ ...entry, createdAt: new Date().toISOString() }],
    }
    const server = [
      '--engine',
      `embedded:${join(context.folder, 'store')}`,
      '--tls-cert',
      write('server.pem', certPem),
      '--tls-key',
      write('server-key.pem', keyPem),
      '--tokens',
      write('tokens.json', formatTokenFile(file)),
    ]
    const tokenFile = write('token', token)
    return startChasqui(context, {
      server,
      worker: null,
      locks: { token, tls: { ca: authority.certPem } },
      workerLocks: ['--tls-ca', ca, '--token', `@${tokenFile}`],
    })
  },
}
