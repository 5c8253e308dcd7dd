/**
 * What Chasqui calls TLS, at both ends: versions, ciphers, and what a certificate is given as.
 *
 * Invariant: nothing older than TLS 1.2, no cipher without forward secrecy or authenticated encryption, and no switch that turns verification off.
 */

import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'

/** Who we are and whom we trust, as a client. All PEM. */
export interface ClientTls {
  /** Certificates to trust, instead of the public authorities that Node trusts. */
  readonly ca?: string
  /** With its chain; where the server asks for one. Goes with `key`. */
  readonly cert?: string
  readonly key?: string
  /** The name that the server's certificate must carry, where that is not the host of the address. */
  readonly serverName?: string
}

/** Who we are and whom we trust, as a server. All PEM. */
export interface ServerTls {
  /** With its chain. */
  readonly cert: string
  readonly key: string
  /** Clients must show a certificate that one of these signed. Absent: they are not asked. */
  readonly ca?: string
}

/** 128 bits first: as safe as 256 for all we know, and faster where the processor has no wide AES. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
]

export const TLS_POLICY = {
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS.join(':'),
  // A peer that asks for new keys again and again costs far more than it pays.
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  // What is named as trusted is trusted, also where it is a server's own certificate and no authority.
  allowPartialTrustChain: true,
} as const satisfies SecureContextOptions

const HANDSHAKE_RECORD = 0x16
const MAJOR_VERSION = 0x03

/** Whether bytes that a peer begins with are those of TLS. No text begins like this. */
export function isTlsHello(bytes: Uint8Array): boolean {
  return bytes[0] === HANDSHAKE_RECORD && (bytes.length < 2 || bytes[1] === MAJOR_VERSION)
}
