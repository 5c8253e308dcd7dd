/** Opening a connection to RabbitMQ: what a person reads when it cannot be had, TLS, several hosts. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { before, test } from 'node:test'
import { openBroker } from '../../../src/engine/cluster/broker/open-broker.ts'
import { ChasquiError, type ErrorCode } from '../../../src/task/errors.ts'
import { letters, openProbe, read } from '../../support/broker-probe.ts'
import { type CertificateFiles, certificateFiles } from '../../support/certificates.ts'
import { fileScope } from '../../support/file-scope.ts'
import { freePorts } from '../../support/ports.ts'
import { openRabbitMq, type RabbitMq } from '../../support/rabbitmq.ts'
import { needRabbitMq } from '../../support/real-parts.ts'
import { atEnd, type Scope } from '../../support/temporary.ts'

const { skip } = needRabbitMq()
const scope = fileScope()
let server: RabbitMq
let certificates: CertificateFiles
let tlsPort: number

before(async () => {
  if (skip !== false) return
  certificates = await certificateFiles(scope)
  tlsPort = await freePorts()
  server = await openRabbitMq(scope, {
    configuration: [
      `listeners.ssl.1 = 127.0.0.1:${tlsPort}`,
      `ssl_options.cacertfile = ${certificates.ca}`,
      `ssl_options.certfile = ${certificates.cert}`,
      `ssl_options.keyfile = ${certificates.key}`,
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = false',
    ],
  })
})

const NOBODY = { up() {}, down() {}, news() {}, trouble() {} }

async function refusal(...urls: readonly string[]): Promise<ChasquiError> {
  const opening = openBroker({ urls, connectionName: 'test', prefix: 'chasqui', listener: NOBODY })
  const error = await opening.then(
    async (broker) => {
      await broker.close()
      throw new Error('it opened')
    },
    (why: unknown) => why,
  )
  assert.ok(error instanceof ChasquiError, String(error))
  assert.doesNotMatch(error.message, /secret|\n/)
  return error
}

async function isRefused(url: string, code: ErrorCode, sentence: RegExp): Promise<void> {
  const error = await refusal(url)
  assert.match(error.message, sentence)
  assert.equal(error.code, code)
}

/** Something that is no RabbitMQ. */
async function listen(scope: Scope, greet: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>()
  const other = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    greet(socket)
  })
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  atEnd(scope, async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => other.close(resolve))
  })
  return `amqp://u:secret@127.0.0.1:${(other.address() as net.AddressInfo).port}`
}

test('a wrong host, a wrong port, a wrong password and a missing virtual host are each said', {
  skip,
}, async () => {
  await isRefused('amqp://u:secret@broker.invalid', 'CONFIG_INVALID', /there is no host broker\.invalid/)
  const unused = await freePorts()
  await isRefused(`amqp://u:secret@127.0.0.1:${unused}`, 'CONNECTION_LOST', /nothing listens there/)
  const at = `127.0.0.1:${server.port}`
  await isRefused(`amqp://guest:secret@${at}`, 'CONFIG_INVALID', /"guest": wrong name or password/)
  await isRefused(
    `amqp://guest:guest@${at}/nowhere`,
    'CONFIG_INVALID',
    /virtual host "nowhere": it does not exist/,
  )
})

test('rights that are missing are said at once, to configure, to write and to read', { skip }, async () => {
  await server.api('PUT', 'users/poor', { password: 'secret', tags: '' })
  await server.addVirtualHost('closed')
  const url = `amqp://poor:secret@127.0.0.1:${server.port}/closed`
  await isRefused(url, 'CONFIG_INVALID', /virtual host "closed".*the user "poor" has no rights/)
  const allow = (configure: string, write: string, read: string) =>
    server.api('PUT', 'permissions/closed/poor', { configure, write, read })
  await allow('^$', '.*', '.*')
  await isRefused(
    url,
    'CONFIG_INVALID',
    /"poor" has too few rights.*must configure, read and write chasqui\.\*.*'chasqui\.news'/,
  )
  await allow('.*', '^chasqui', '.*')
  await isRefused(url, 'CONFIG_INVALID', /"poor" has too few rights.*'amq\.default'/)
  await allow('.*', '.*', '^$')
  await isRefused(url, 'CONFIG_INVALID', /"poor" has too few rights.*'chasqui\.news/)
  await allow('^chasqui', '^(chasqui|amq\\.default)', '^chasqui')
  const broker = await openBroker({
    urls: [url],
    connectionName: 'test',
    prefix: 'chasqui',
    listener: NOBODY,
  })
  await broker.declare('chasqui.lane')
  await broker.publish(letters('chasqui.lane', 'x'))
  await broker.close()
})

test('what is no AMQP broker is said', { skip }, async (context) => {
  const web = await listen(context, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await isRefused(web, 'CONFIG_INVALID', /does not speak AMQP/)
  await isRefused(
    await listen(context, (socket) => socket.write('SSH-2.0-x\r\n')),
    'CONFIG_INVALID',
    /does not speak AMQP/,
  )
  await isRefused(
    await listen(context, (socket) => socket.end()),
    'CONNECTION_LOST',
    /hung up while connecting/,
  )
  await isRefused(`amqp://localhost:${tlsPort}`, 'CONNECTION_LOST', /hung up.*amqps/)
})

test('a peer that says nothing, or a little now and then, is given up in time', { skip }, async (context) => {
  const silent = await listen(context, () => {})
  const slow = await listen(context, (socket) => {
    const timer = setInterval(() => socket.write('\u0001'), 200)
    socket.on('close', () => clearInterval(timer))
  })
  const beganMs = performance.now()
  await Promise.all([silent, slow].map((url) => isRefused(url, 'CONNECTION_LOST', /did not answer in time/)))
  assert.ok(performance.now() - beganMs < 25_000, 'the deadline is ten seconds')
})

test('over TLS it works with the authority named, and not without', { skip }, async (context) => {
  const url = `amqps://guest:guest@localhost:${tlsPort}`
  await isRefused(url, 'CONFIG_INVALID', /cannot be trusted.*cacertfile/)
  await isRefused(`amqps://guest:secret@localhost:${server.port}`, 'CONFIG_INVALID', /does not speak TLS/)
  const { broker } = await openProbe(context, `${url}?cacertfile=${certificates.ca}`)
  await broker.declare('secure')
  await broker.publish(letters('secure', 'x'))
  const reader = read(broker, 'secure')
  await reader.has(1)
  reader.messages[0]?.done()
  await broker.close()
  const trusting = await openProbe(context, `${url}?verify=verify_none`)
  assert.equal(trusting.broker.isUp, true)
})

test('of several hosts the first that works is taken; when none does, all are named', {
  skip,
}, async (context) => {
  const dead = `amqp://u:secret@127.0.0.1:${await freePorts()}`
  const { broker } = await openProbe(context, [dead, server.url()])
  assert.equal(broker.isUp, true)
  const error = await refusal(dead, `amqp://guest:secret@127.0.0.1:${server.port}`)
  assert.match(
    error.message,
    /^none of 2 brokers can be used: .*nothing listens there; .*wrong name or password\.$/,
  )
  assert.equal(error.code, 'CONNECTION_LOST')
  assert.equal((await refusal()).code, 'CONFIG_INVALID')
})
