/** docs/tracing.md and the code name the same attributes and the same variables. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sources, textOf } from './source.ts'

const page = textOf('docs/tracing.md')
/** All that begins spans, or reads what turns them on. */
const code = sources
  .map(textOf)
  .filter((text) => /startSpan|tracePlan/.test(text))
  .join('\n')

const named = (text: string, form: RegExp) => [...new Set(text.match(form))].sort()

test('every attribute of a span is explained, and none that is not there', () => {
  const inCode = named(code, /(?<=')(messaging|chasqui)\.[a-z_.]+(?=')|(?<=')error\.type(?=')/g)
  const inPage = named(page, /(?<=`)(messaging|chasqui)\.[a-z_.]+(?=`)|(?<=`)error\.type(?=`)/g)
  assert.ok(inCode.length >= 15)
  assert.deepEqual(inPage, inCode)
})

test('every variable that is read is explained', () => {
  const missing = named(code, /(?<=')OTEL_[A-Z_]+(?=')/g).filter((name) => !page.includes(`\`${name}\``))
  assert.deepEqual(missing, [])
})
