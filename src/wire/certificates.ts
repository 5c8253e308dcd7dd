/**
 * Certificates and keys as a person names them, looked at before anything is opened: is it the right file, do the two belong together, is it
 * still valid? Each mistake is one sentence that names the file.
 *
 * Pure. Invariants: what passes here can be used by TLS; no sentence repeats what stands in a key.
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { ChasquiError } from '../task/errors.ts'
import { TLS_POLICY } from './tls-policy.ts'

/** PEM, and where it came from as a person said it: `--tls-cert server.pem`. */
export interface NamedPem {
  readonly text: string
  readonly from: string
}

export interface CertificateFacts {
  /** `DNS:localhost, IP Address:127.0.0.1`; the subject where there are no names. */
  readonly names: string
  /** One of them, that a client could ask for. */
  readonly name: string
  readonly validUntilMs: number
}

/** @throws ChasquiError CONFIG_INVALID */
export function checkPair(cert: NamedPem, key: NamedPem, nowMs: number): CertificateFacts {
  const [own] = readCertificates(cert)
  checkTimes(own!, cert.from, nowMs)
  if (!own!.checkPrivateKey(readKey(key))) {
    refuse(`${key.from} is not the key of the certificate in ${cert.from}: the two do not belong together`)
  }
  try {
    createSecureContext({ ...TLS_POLICY, cert: cert.text, key: key.text })
  } catch (cause) {
    refuse(`${cert.from} and ${key.from} cannot be used for TLS: ${(cause as Error).message}`, cause)
  }
  const names = namesOf(own!)
  return { names, name: oneOf(names), validUntilMs: Date.parse(own!.validTo) }
}

/** @throws ChasquiError CONFIG_INVALID */
export function checkAuthorities(ca: NamedPem, nowMs: number): void {
  const authorities = readCertificates(ca)
  // One that has expired among others is a matter of time; all of them is a mistake.
  if (authorities.every((authority) => Date.parse(authority.validTo) < nowMs)) {
    checkTimes(authorities[0]!, ca.from, nowMs)
  }
}

/** As people see it: the names that a server answers to. */
export function namesOf(certificate: X509Certificate): string {
  return certificate.subjectAltName ?? certificate.subject.replaceAll('\n', ', ')
}

function oneOf(names: string): string {
  const [, name = names] = /(?:DNS|IP Address):([^,]+)/.exec(names) ?? /CN=([^,]+)/.exec(names) ?? []
  return name.trim().replace(/^\*/, 'chasqui')
}

function readCertificates({ text, from }: NamedPem): X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)
  if (blocks === null) {
    const what = /PRIVATE KEY-----/.test(text)
      ? 'a private key, where a certificate is meant'
      : 'no certificate in PEM form'
    refuse(`${from} holds ${what}`)
  }
  return blocks.map((block) => {
    try {
      return new X509Certificate(block)
    } catch (cause) {
      return refuse(`${from} holds a certificate that cannot be read: it is damaged`, cause)
    }
  })
}

function readKey({ text, from }: NamedPem): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    refuse(
      `${from} is locked with a passphrase, which nobody could type at a restart: store it without one, readable by its owner only`,
    )
  }
  if (!/PRIVATE KEY-----/.test(text)) {
    const what = /BEGIN CERTIFICATE/.test(text)
      ? 'a certificate, where its private key is meant'
      : 'no private key in PEM form'
    refuse(`${from} holds ${what}`)
  }
  try {
    return createPrivateKey(text)
  } catch {
    // Without its cause: nobody knows what the library repeats of a damaged key.
    return refuse(`${from} holds a private key that cannot be read: it is damaged`)
  }
}

function checkTimes(certificate: X509Certificate, from: string, nowMs: number): void {
  const day = (date: string) => new Date(date).toISOString().slice(0, 16).replace('T', ' ')
  if (Date.parse(certificate.validTo) < nowMs) {
    refuse(
      `the certificate in ${from} expired at ${day(certificate.validTo)} UTC: nobody would accept it; renew it`,
    )
  }
  if (Date.parse(certificate.validFrom) > nowMs) {
    refuse(
      `the certificate in ${from} is valid from ${day(certificate.validFrom)} UTC only; is the clock of this machine right?`,
    )
  }
}

function refuse(sentence: string, cause?: unknown): never {
  throw new ChasquiError('CONFIG_INVALID', sentence, cause === undefined ? {} : { cause })
}
