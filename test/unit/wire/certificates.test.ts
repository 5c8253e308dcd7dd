import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkAuthorities, checkPair } from '../../../src/wire/certificates.ts'
import { certificates, DAY_MS, HERE } from '../../support/certificates.ts'

const nowMs = Date.now()
const cert = (text: string) => ({ text, from: '--tls-cert a.pem' })
const key = (text: string) => ({ text, from: '--tls-key b.pem' })
const invalid = (message: RegExp) => ({ code: 'CONFIG_INVALID', message })

test('a certificate and its key say what they are for and until when', async () => {
  const { server } = await certificates()
  const facts = checkPair(cert(server.certPem), key(server.keyPem), nowMs)
  assert.equal(facts.names, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  assert.equal(facts.name, 'localhost')
  assert.ok(Math.abs(facts.validUntilMs - nowMs - 397 * DAY_MS) < DAY_MS)
})

test('each mistake with a certificate or key is one sentence that names the file', async () => {
  const { server, client, authority } = await certificates()
  const expired = await authority.issue({
    name: 'x',
    hosts: HERE,
    fromMs: nowMs - 9 * DAY_MS,
    untilMs: nowMs - DAY_MS,
  })
  const early = await authority.issue({ name: 'x', hosts: HERE, fromMs: nowMs + DAY_MS })
  const locked = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII\n-----END ENCRYPTED PRIVATE KEY-----\n'
  const half = server.certPem.replace(/\n[^\n]+\n[^\n]+\n-----END/, '\n-----END')
  const mistakes: readonly [cert: string, key: string, sentence: RegExp][] = [
    [
      server.certPem,
      client.keyPem,
      /^--tls-key b\.pem is not the key of the certificate in --tls-cert a\.pem/,
    ],
    [server.keyPem, server.keyPem, /^--tls-cert a\.pem holds a private key, where a certificate is meant$/],
    [
      server.certPem,
      server.certPem,
      /^--tls-key b\.pem holds a certificate, where its private key is meant$/,
    ],
    ['hello', server.keyPem, /^--tls-cert a\.pem holds no certificate in PEM form$/],
    [server.certPem, '', /^--tls-key b\.pem holds no private key in PEM form$/],
    [half, server.keyPem, /^--tls-cert a\.pem holds a certificate that cannot be read: it is damaged$/],
    [server.certPem, locked, /^--tls-key b\.pem is locked with a passphrase/],
    [
      expired.certPem,
      expired.keyPem,
      /^the certificate in --tls-cert a\.pem expired at \d{4}-\d\d-\d\d \d\d:\d\d UTC/,
    ],
    [
      early.certPem,
      early.keyPem,
      /^the certificate in --tls-cert a\.pem is valid from .* only; is the clock/,
    ],
  ]
  for (const [a, b, sentence] of mistakes) {
    assert.throws(() => checkPair(cert(a), key(b), nowMs), invalid(sentence))
  }
})

test('no sentence about a damaged key repeats a piece of it', async () => {
  const { server } = await certificates()
  const damaged = server.keyPem.replace(/\n.{10}/, '\nAAAAAAAAAA')
  const inside = damaged.split('\n')[1]!.slice(10, 40)
  assert.throws(
    () => checkPair(cert(server.certPem), key(damaged), nowMs),
    (error: Error) => {
      assert.match(error.message, /damaged/)
      assert.ok(!JSON.stringify([error.message, String(error.cause), error.stack]).includes(inside))
      return true
    },
  )
})

test('authorities are certificates, and one of them at least is still valid', async () => {
  const { server, authority } = await certificates()
  const ca = (text: string) => ({ text, from: '--tls-ca c.pem' })
  const old = await authority.issue({
    name: 'x',
    hosts: HERE,
    fromMs: nowMs - 9 * DAY_MS,
    untilMs: nowMs - DAY_MS,
  })
  checkAuthorities(ca(authority.certPem), nowMs)
  checkAuthorities(ca(old.certPem + authority.certPem), nowMs)
  assert.throws(() => checkAuthorities(ca(old.certPem), nowMs), invalid(/--tls-ca c\.pem expired/))
  assert.throws(
    () => checkAuthorities(ca(server.keyPem), nowMs),
    invalid(/--tls-ca c\.pem holds a private key/),
  )
})
