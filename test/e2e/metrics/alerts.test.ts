/** The alert rules: right by promtool's tests, and one of them seen from a task that nobody can run to the message that a person would get, and its end. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { ERRORS } from '../../../src/task/errors.ts'
import { METRICS } from '../../../src/telemetry/metrics/table.ts'
import { eventually } from '../../support/eventually.ts'
import { openAlertmanager, openPrometheus } from '../../support/prometheus.ts'
import { needProgram } from '../../support/real-parts.ts'
import { atEnd } from '../../support/temporary.ts'
import { root, startUp, startWorker, WITH_HTTP } from '../cli/chasqui.ts'

const { skip } = needProgram('promtool')
const alertmanager = needProgram('prometheus-alertmanager')
const DEADLINE_MS = 90_000
const folder = join(root, 'deploy/prometheus')
const rules = readFileSync(join(folder, 'alerts.yml'), 'utf8')

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}:\n${stdout}${stderr}`)
  return stdout
}

test('the configurations of deploy/ are what their programs understand', {
  skip: skip || alertmanager.skip,
}, () => {
  run('promtool', 'check', 'config', join(folder, 'prometheus.yml'))
  run('amtool', 'check-config', join(root, 'deploy/alertmanager/alertmanager.yml'))
})

test('every rule fires when it should and is silent when it should', { skip }, () => {
  run('promtool', 'test', 'rules', join(folder, 'alerts.test.yml'))
})

test('every rule has a test that sees it fire', () => {
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!)
  assert.ok(names.length >= 13)
  const proofs = readFileSync(join(folder, 'alerts.test.yml'), 'utf8')
  for (const name of names) {
    assert.match(proofs, new RegExp(`alertname: ${name}\\n        exp_alerts:\\n`), name)
  }
})

test('the rules name metrics and errors that there are', () => {
  const known = new Set(Object.keys(METRICS))
  const used = [...rules.matchAll(/\bchasqui_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''))
  assert.ok(used.length > 15)
  assert.deepEqual(
    used.filter((name) => !known.has(name)),
    [],
  )
  const [, reasons] = /reason=~"([^"]+)"/.exec(rules)!
  assert.deepEqual(
    reasons!.split('|').filter((code) => !(code in ERRORS)),
    [],
  )
})

interface Message {
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved'
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
  }[]
}

/** Whoever gets the messages. */
async function openReceiver(context: TestContext): Promise<{ url: string; messages: Message[] }> {
  const messages: Message[] = []
  const server = http.createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      messages.push(JSON.parse(body) as Message)
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(context, async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, messages }
}

test('a task that no worker knows becomes an alert, and a worker that knows it ends the alert', {
  skip: skip || alertmanager.skip,
}, async (context) => {
  const receiver = await openReceiver(context)
  const server = await startUp(context, { workers: 1, args: WITH_HTTP })
  const { address } = await openAlertmanager(context, receiver.url)
  // The rules as they are, for people in a hurry.
  const hurried = rules.replaceAll(/for: \d+m/g, 'for: 1s').replaceAll(/\[\d+[mh]\]/g, '[5s]')
  await openPrometheus(context, {
    jobs: [{ name: 'chasqui', targets: [new URL(server.http!).host] }],
    rules: hurried,
    alertmanager: address,
  })
  const client = await connect(server.address)
  atEnd(context, () => client.close())
  const task = await client.submit('stumble', 0)
  const heard = (status: string) =>
    receiver.messages
      .flatMap(({ alerts }) => alerts)
      .find((alert) => alert.labels.alertname === 'ChasquiNoWorkerForType' && alert.status === status)

  await eventually('the alert fires', () => heard('firing') !== undefined, DEADLINE_MS)
  const { labels, annotations } = heard('firing')!
  assert.deepEqual(labels, {
    alertname: 'ChasquiNoWorkerForType',
    queue: 'default',
    severity: 'warning',
    type: 'stumble',
  })
  assert.equal(annotations.summary, 'no worker takes stumble from queue default')

  await startWorker(context, [...server.connect, join(import.meta.dirname, 'handlers.ts')])
  assert.equal(await task.result({ timeoutMs: DEADLINE_MS }), 1)
  await eventually('the alert is over', () => heard('resolved') !== undefined, DEADLINE_MS)
})
