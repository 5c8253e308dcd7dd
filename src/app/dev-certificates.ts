/**
 * A private certificate authority for a first try: `chasqui cert dev`. Whoever has the folder can be any server and any client, so it is for
 * machines that you own, not for the world.
 *
 * Invariants: private keys are readable by their owner only; what is there is never written over.
 */

import { webcrypto } from 'node:crypto'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
// The library below asks for it, and asks that it comes first.
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { ChasquiError } from '../task/errors.ts'

const DAY_MS = 86_400_000
/** A clock that is a little behind must not refuse what was just made. */
const BACKDATE_MS = 3_600_000
export const DEV_AUTHORITY_DAYS = 3_650
/** What browsers and their like still accept. */
export const DEV_CERTIFICATE_DAYS = 397

/** P-256: what every TLS library knows, and the fastest to sign with. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export interface Made {
  readonly certPem: string
  readonly keyPem: string
}

export interface Authority extends Made {
  readonly issue: (wanted: WantedCertificate) => Promise<Made>
}

export interface WantedCertificate {
  /** Common name: of a client, who it is. */
  readonly name: string
  /** Names and addresses that a server answers to; none: the certificate of a client. */
  readonly hosts?: readonly string[]
  readonly fromMs?: number
  readonly untilMs?: number
}

export async function makeAuthority(name: string, nowMs: number): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + DEV_AUTHORITY_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return {
    certPem: `${authority.toString('pem')}\n`,
    keyPem: await keyText(keys.privateKey),
    issue: (wanted) => issue(authority, keys.privateKey, wanted, nowMs),
  }
}

async function issue(
  authority: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
  { name, hosts = [], fromMs, untilMs }: WantedCertificate,
  nowMs: number,
): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const isServer = hosts.length > 0
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
  const names = hosts.map((host) => ({
    type: isIP(host) === 0 ? ('dns' as const) : ('ip' as const),
    value: host,
  }))
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [name] }],
    issuer: authority.subject,
    notBefore: new Date(fromMs ?? nowMs - BACKDATE_MS),
    notAfter: new Date(untilMs ?? nowMs + DEV_CERTIFICATE_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([isServer ? serverAuth : clientAuth]),
      ...(isServer ? [new x509.SubjectAlternativeNameExtension(names)] : []),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
    ],
  })
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: await keyText(keys.privateKey) }
}

async function keyText(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}

export const DEV_FILES = {
  ca: 'ca.pem',
  caKey: 'ca-key.pem',
  server: 'server.pem',
  serverKey: 'server-key.pem',
  client: 'client.pem',
  clientKey: 'client-key.pem',
} as const

export interface DevCertificates {
  readonly dir: string
  /** Names and addresses that the server's certificate is for. */
  readonly hosts: readonly string[]
  /** Who the client is. */
  readonly client: string
}

/** @throws ChasquiError CONFIG_INVALID: there are some already */
export async function writeDevCertificates(
  { dir, hosts, client }: DevCertificates,
  nowMs: number,
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const name of Object.values(DEV_FILES)) {
    const path = join(dir, name)
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) {
      throw new ChasquiError(
        'CONFIG_INVALID',
        `${path} is there already and is not written over; name another folder with --dir`,
      )
    }
  }
  const authority = await makeAuthority('Chasqui development', nowMs)
  const server = await authority.issue({ name: hosts[0]!, hosts })
  const own = await authority.issue({ name: client })
  const write = (name: string, text: string, mode: number) =>
    writeFile(join(dir, name), text, { mode, flag: 'wx' })
  await write(DEV_FILES.caKey, authority.keyPem, 0o600)
  await write(DEV_FILES.ca, authority.certPem, 0o644)
  await write(DEV_FILES.serverKey, server.keyPem, 0o600)
  await write(DEV_FILES.server, server.certPem, 0o644)
  await write(DEV_FILES.clientKey, own.keyPem, 0o600)
  await write(DEV_FILES.client, own.certPem, 0o644)
}
