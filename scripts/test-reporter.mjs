/**
 * A reporter for node:test that writes one JSON line a test, for scripts/test.mjs to count.
 *
 * Notes (`context.diagnostic`: seeds, mostly) are handed on, to be shown where a test failed. Suites are not counted, only the tests in them; a suite that fails by itself (in a hook) is.
 */

import { inspect } from 'node:util'

/** What node:test says of itself at the end. */
const OWN_SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /

export default async function* report(events) {
  const path = []
  for await (const { type, data } of events) {
    if (type === 'test:start') path.length = data.nesting
    if (type === 'test:start') path.push(data.name)
    if (type === 'test:diagnostic' && !OWN_SUMMARY.test(data.message)) {
      yield line({ kind: 'note', text: data.message })
    }
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const name = [...path.slice(0, data.nesting), data.name].join(' › ')
    const isSuite = data.details?.type === 'suite'
    if (data.skip !== undefined || data.todo !== undefined) {
      yield line({ name, kind: 'skipped', text: String(data.skip || data.todo || 'no reason given') })
    } else if (type === 'test:pass') {
      if (!isSuite) yield line({ name, kind: 'passed' })
    } else if (data.details.error?.failureType !== 'subtestsFailed') {
      yield line({ name, kind: 'failed', text: textOf(data.details.error) })
    }
  }
}

function line(entry) {
  return `${JSON.stringify(entry)}\n`
}

/** node:test wraps what was thrown; the cause is what the reader wants. */
function textOf(error) {
  const cause = error?.cause ?? error
  if (!(cause instanceof Error)) return String(cause)
  const stack = cause.stack ?? cause.message
  const details =
    cause.code === 'ERR_ASSERTION' && !stack.includes('+ actual')
      ? `\n${inspect({ actual: cause.actual, expected: cause.expected }, { depth: 8 })}`
      : ''
  return stack + details
}
