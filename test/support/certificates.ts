/** A private authority and what it issued, for tests: as texts and as files. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Authority, type Made, makeAuthority } from '../../src/app/dev-certificates.ts'
import { type Scope, temporaryFolder } from './temporary.ts'

export const DAY_MS = 86_400_000
export const HERE = ['localhost', '127.0.0.1', '::1']

let shared: Promise<{ authority: Authority; server: Made; client: Made }> | null = null

/** One authority with a server of this machine and a client named `ana`, made once for all tests of a file. */
export function certificates(): Promise<{ authority: Authority; server: Made; client: Made }> {
  shared ??= makeAuthority('Test authority', Date.now()).then(async (authority) => ({
    authority,
    server: await authority.issue({ name: 'localhost', hosts: HERE }),
    client: await authority.issue({ name: 'ana' }),
  }))
  return shared
}

export interface CertificateFiles {
  readonly folder: string
  readonly ca: string
  readonly cert: string
  readonly key: string
  readonly clientCert: string
  readonly clientKey: string
}

/** The same as files in a folder of the scope's own. */
export async function certificateFiles(scope: Scope): Promise<CertificateFiles> {
  const { authority, server, client } = await certificates()
  const folder = temporaryFolder(scope, 'certificates')
  const write = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  return {
    folder,
    ca: write('ca.pem', authority.certPem),
    cert: write('server.pem', server.certPem),
    key: write('server-key.pem', server.keyPem),
    clientCert: write('client.pem', client.certPem),
    clientKey: write('client-key.pem', client.keyPem),
  }
}
