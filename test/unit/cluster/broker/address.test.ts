import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBrokerAddress } from '../../../../src/engine/cluster/broker/address.ts'
import { ChasquiError } from '../../../../src/task/errors.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

test('an address is read as RabbitMQ writes it', () => {
  const { text, ...address } = parseBrokerAddress(
    'amqp://me:p%40ss@broker.example:5673/my%2Fhost?heartbeat=7',
  )
  assert.equal(text, 'amqp://broker.example:5673')
  assert.deepEqual(address, {
    tls: false,
    host: 'broker.example',
    port: 5673,
    user: 'me',
    password: 'p@ss',
    vhost: 'my/host',
    heartbeatMs: 7_000,
    ca: null,
    cert: null,
    key: null,
    verify: true,
  })
})

test('what is left out is as with RabbitMQ: guest, the root host, the usual ports', () => {
  const { host, port, user, password, vhost } = parseBrokerAddress('amqp://[::1]')
  assert.deepEqual([host, port, user, password, vhost], ['::1', 5672, 'guest', 'guest', '/'])
  assert.equal(parseBrokerAddress('amqp://localhost/').vhost, '/')
  assert.equal(parseBrokerAddress('amqps://localhost').port, 5671)
})

test('with TLS the certificate is verified unless somebody says otherwise', (context) => {
  const path = join(temporaryFolder(context, 'ca'), 'ca.pem')
  writeFileSync(path, 'PEM')
  const { tls, verify, ca } = parseBrokerAddress(`amqps://localhost?cacertfile=${path}`)
  assert.deepEqual([tls, verify, ca?.toString()], [true, true, 'PEM'])
  assert.equal(parseBrokerAddress('amqps://localhost?verify=verify_none').verify, false)
})

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ['localhost:5672', /must begin with amqp/],
  ['http://u:secret@localhost', /must begin with amqp/],
  ['amqp://', /must have the form|names no host/],
  ['amqp://u:secret@host:port/', /must have the form/],
  ['amqp://u:se#secret@host/', /must have the form|%23/],
  ['amqp://u:secret@host@other:99999/', /must have the form/],
  ['amqp://u:secret@host/?hearbeat=3', /"hearbeat" is not known; these are: cacertfile/],
  ['amqp://u:secret@host/?heartbeat=0', /number of seconds/],
  ['amqp://u:secret@host/?cacertfile=x', /needs amqps/],
  ['amqps://u:secret@host/?cacertfile=%2Fno%2Fsuch', /cannot be read \(\/no\/such\)/],
  ['amqps://u:secret@host/?verify=no', /verify_peer or verify_none/],
  ['amqp://u:secret%zz@host/', /%25/],
]

test('an address that cannot be used is refused with one sentence, without its password', () => {
  for (const [url, expected] of REFUSED) {
    assert.throws(
      () => parseBrokerAddress(url),
      (error) => {
        assert.ok(error instanceof ChasquiError, url)
        assert.equal(error.code, 'CONFIG_INVALID')
        assert.match(error.message, expected)
        assert.doesNotMatch(error.message, /secret/)
        return true
      },
    )
  }
})
