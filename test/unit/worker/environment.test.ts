/** Handlers inherit no secrets unless they are named. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handlerEnvironment } from '../../../src/worker/environment.ts'

const FROM = {
  PATH: '/bin',
  HOME: '/home',
  LANG: 'C',
  LC_ALL: 'C',
  TZ: 'UTC',
  NODE_ENV: 'production',
  CHASQUI_TOKEN: 'secret',
  DATABASE_URL: 'secret',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_REGION: 'eu',
  PATHS: 'longer than a name that is inherited',
}
const BASE = ['HOME', 'LANG', 'LC_ALL', 'NODE_ENV', 'PATH', 'TZ']

test('by default only what says where and how they run', () => {
  assert.deepEqual(Object.keys(handlerEnvironment(FROM, [])).sort(), BASE)
})

test('what is named comes on top: names, beginnings, or all', () => {
  const names = (...wanted: string[]) => Object.keys(handlerEnvironment(FROM, wanted)).sort()
  assert.deepEqual(names('DATABASE_URL'), ['DATABASE_URL', ...BASE].sort())
  assert.deepEqual(names('AWS_*'), ['AWS_REGION', 'AWS_SECRET_ACCESS_KEY', ...BASE].sort())
  assert.deepEqual(names('*'), Object.keys(FROM).sort())
})
