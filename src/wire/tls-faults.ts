/**
 * Why TLS did not come about, in a sentence with a way out: from the codes of OpenSSL and Node, which nobody should have to know.
 *
 * Pure. Invariant: no sentence repeats key material; a code that is not known keeps the words of the library.
 */

const UNTRUSTED =
  'its certificate is signed by nobody that is trusted here: name the certificate of its authority with --tls-ca (tls.ca in the library)'
const NOT_TLS =
  'what listens there does not speak TLS: write chasqui:// instead of chasquis://, or switch TLS on there'
const OURS_REFUSED =
  'it does not accept our certificate: show one that its authority signed, with --tls-cert and --tls-key (tls.cert and tls.key in the library)'
const NOTHING_IN_COMMON =
  'the two ends have no version or cipher of TLS in common; TLS 1.2 is the oldest that is spoken here'

const FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; is the clock of this machine right?',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_REVOKED: 'its certificate was revoked',
  INVALID_PURPOSE: 'its certificate is not meant for servers',
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NOTHING_IN_COMMON,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NOTHING_IN_COMMON,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: NOTHING_IN_COMMON,
  ERR_SSL_SSL_TLS_ALERT_HANDSHAKE_FAILURE: NOTHING_IN_COMMON,
  ERR_SSL_NO_SHARED_CIPHER: NOTHING_IN_COMMON,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: OURS_REFUSED,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: OURS_REFUSED,
  ERR_SSL_SSL_TLS_ALERT_BAD_CERTIFICATE: OURS_REFUSED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: OURS_REFUSED,
  ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_EXPIRED: OURS_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: OURS_REFUSED,
}

interface TlsError extends Error {
  readonly code?: string
  /** Node puts the certificate there when its names are wrong. */
  readonly cert?: { readonly subjectaltname?: string; readonly subject?: { readonly CN?: string } }
}

/** Null: the error is none of TLS. */
export function describeTlsFault(error: Error, host: string): string | null {
  const { code = '', message, cert } = error as TlsError
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = cert?.subjectaltname ?? cert?.subject?.CN ?? 'nothing that is named'
    return `its certificate is for ${names}, not for ${host}: connect by one of these names, or say which it must have with --tls-server-name (tls.serverName in the library)`
  }
  const sentence = FAULTS[code]
  if (sentence !== undefined) return sentence
  return /^(ERR_SSL|ERR_TLS|CERT_|EPROTO$)/.test(code)
    ? message.replace(/^[0-9A-F]+:error:/, '').trim()
    : null
}
