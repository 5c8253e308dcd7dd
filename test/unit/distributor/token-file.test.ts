import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTokenFile, parseTokenFile } from '../../../src/distributor/access/token-file.ts'
import { ChasquiError } from '../../../src/task/errors.ts'
import { openRandom } from '../../support/random.ts'
import { issue } from '../../support/tokens.ts'

// biome-ignore lint/suspicious/noExplicitAny: what is spoilt has no type.
type Value = any

const { file } = issue(
  {
    root: { roles: ['admin'] },
    ana: {
      grants: [{ rights: ['read'], queues: ['a-*'], keys: ['ana'] }],
      expiresAt: '2030-01-01T00:00:00Z',
      limits: { tasksPerSecond: 5 },
    },
  },
  {
    roles: { shop: [{ rights: ['submit'], queues: ['shop'] }] },
    certificates: [{ subject: 'CN=ana', roles: ['shop'], limits: {} }],
    anonymous: ['submitter'],
  },
)
const text = formatTokenFile(file)

test('what is written is read again', () => {
  assert.deepEqual(JSON.parse(formatTokenFile(parseTokenFile(text, 'x'))), JSON.parse(text))
})

test('each mistake is one sentence that says where', () => {
  const changed = (change: (value: Value) => void) => {
    const value = JSON.parse(text)
    change(value)
    return JSON.stringify(value)
  }
  const mistakes: readonly [string, RegExp][] = [
    ['{', /^T: this is not JSON$/],
    ['[]', /^T: the file must be an object$/],
    [
      changed((value) => {
        value.version = 2
      }),
      /"version" must be 1/,
    ],
    [
      changed((value) => {
        value.token = []
      }),
      /the file has a field "token", which means nothing/,
    ],
    [
      changed((value) => {
        value.tokens[1].grants[0].rights = ['write']
      }),
      /tokens\[1\]\.grants\[0\]\.rights has "write"; there are submit, read/,
    ],
    [
      changed((value) => {
        value.tokens[0].roles = ['boss']
      }),
      /tokens\[0\]\.roles names a role "boss" that is not there/,
    ],
    [
      changed((value) => {
        value.tokens[0].roles = ['constructor']
      }),
      /"constructor" that is not there/,
    ],
    [
      changed((value) => {
        value.roles.admin = []
      }),
      /the role "admin" is built in/,
    ],
    [
      changed((value) => {
        value.tokens[1].id = value.tokens[0].id
      }),
      /tokens\[1\]\.id is that of another token/,
    ],
    [
      changed((value) => {
        value.tokens[0].hash = 'plain text'
      }),
      /tokens\[0\]\.hash is not what/,
    ],
    [
      changed((value) => {
        value.tokens[0].name = ' '
      }),
      /tokens\[0\]\.name must be a text/,
    ],
    [
      changed((value) => {
        value.tokens[1].expiresAt = 'soon'
      }),
      /tokens\[1\]\.expiresAt must be a time/,
    ],
    [
      changed((value) => {
        value.tokens[1].limits.tasksPerSecond = -1
      }),
      /tasksPerSecond must be a number above 0/,
    ],
    [
      changed((value) => {
        value.anonymous = 'all'
      }),
      /anonymous must be a list/,
    ],
  ]
  for (const [spoilt, sentence] of mistakes) {
    assert.throws(() => parseTokenFile(spoilt, 'T'), { code: 'CONFIG_INVALID', message: sentence })
  }
})

test('a damaged file is refused or means what it says, and no sentence repeats a hash', (t) => {
  const random = openRandom(t)
  const cases = Number(process.env.CHASQUI_FUZZ_CASES ?? 500)
  const pieces = [
    '"',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    'null',
    '0',
    '-1',
    '"admin"',
    '"*"',
    '\\u0000',
    '__proto__',
    'tokens',
    '"roles"',
    ' ',
    '1e999',
    text.slice(40, 90),
  ]
  let refused = 0
  for (let index = 0; index < cases; index++) {
    let spoilt = text
    for (let cut = random.below(4); cut >= 0; cut--) {
      const at = random.below(spoilt.length)
      spoilt =
        spoilt.slice(0, at) +
        (random.below(3) === 0 ? '' : random.pick(pieces)) +
        spoilt.slice(at + random.below(12))
    }
    try {
      const read = parseTokenFile(spoilt, 'T')
      assert.deepEqual(parseTokenFile(formatTokenFile(read), 'T'), read)
    } catch (error) {
      assert.ok(error instanceof ChasquiError && error.code === 'CONFIG_INVALID', String(error))
      for (const { hash, salt } of file.tokens)
        assert.ok(!error.message.includes(hash) && !error.message.includes(salt), error.message)
      refused++
    }
  }
  assert.ok(refused > cases / 2)
})
