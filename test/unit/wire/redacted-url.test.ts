/** What is shown of an address that may hold a password. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redactedUrl } from '../../../src/wire/redacted-url.ts'

test('who logs in and where stays, what with does not, also where it is no proper URL', () => {
  for (const [url, shown] of [
    ['postgres://ana:PLANTED@db:5432/x?sslmode=disable', 'postgres://ana:…@db:5432/x?sslmode=disable'],
    ['postgres://ana:PLAN@TED@db/x', 'postgres://ana:…@db/x'],
    ['postgres://ana:PLAN/TED@db/x', 'postgres://ana:…@db/x'],
    ['amqp://ana:PLAN#TED?@mq:5672/%2f', 'amqp://ana:…@mq:5672/%2f'],
    ['postgres://PLA/NTED@db/x', 'postgres://…@db/x'],
    ['postgres://ana@a:5432,b:5432/x', 'postgres://ana@a:5432,b:5432/x'],
    [
      'postgres://a:5432,b:5432/x?password=PLANTED&user=ana',
      'postgres://a:5432,b:5432/x?password=…&user=ana',
    ],
    ['amqp://ana:PLANTED', 'amqp://ana:…'],
    ['amqp://ana:PLAN/TED', 'amqp://ana:…'],
    ['chasqui://[::1]:5000', 'chasqui://[::1]:5000'],
    ['chasqui://a:5000,b', 'chasqui://a:5000,b'],
    [
      's3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu',
      's3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu',
    ],
    ['embedded:./chasqui-data', 'embedded:./chasqui-data'],
    ['no address', 'no address'],
  ] as const) {
    assert.equal(redactedUrl(url), shown)
    assert.ok(!/PLAN|TED/.test(redactedUrl(url)))
  }
})
