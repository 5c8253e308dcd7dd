import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ConfigSources, loadConfig } from '../../../src/app/config.ts'
import { readValue } from '../../../src/app/setting-values.ts'
import { flagOf, nameOf, SETTING_KEYS, schemaOf, variableOf } from '../../../src/app/settings.ts'

async function inFolder(
  contents: Readonly<Record<string, string>>,
  run: (
    load: (sources?: Partial<ConfigSources>) => ReturnType<typeof loadConfig>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'chasqui-config-'))
  try {
    for (const [name, text] of Object.entries(contents)) await writeFile(join(folder, name), text)
    await run((sources = {}) => loadConfig({ flags: {}, environment: {}, folder, ...sources }), folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('a flag wins over a variable, a variable over the file, the file over the default', () =>
  inFolder(
    {
      'chasqui.config.json': '{"port": 1, "host": "file", "lease": "5s", "queues": ["a"], "retention": 5000}',
    },
    async (load, folder) => {
      const environment = { CHASQUI_PORT: '2', CHASQUI_HOST: 'variable', CHASQUI_QUEUES: '' }
      const { settings, origins, file } = await load({ flags: { port: '3' }, environment })
      assert.equal(settings.port, 3)
      assert.equal(settings.host, 'variable')
      assert.equal(settings.leaseMs, 5_000)
      assert.equal(settings.retentionMs, 5_000)
      assert.deepEqual(settings.queues, ['a'], 'an empty variable is none')
      assert.equal(settings.drainMs, 30_000)
      assert.equal(settings.objects, undefined)
      assert.equal(file, join(folder, 'chasqui.config.json'))
      assert.deepEqual(
        [origins.port, origins.host, origins.leaseMs, origins.drainMs],
        ['--port', 'CHASQUI_HOST', 'chasqui.config.json', 'default'],
      )
    },
  ))

test('the file may be TypeScript or JavaScript, and may stand elsewhere', () =>
  inFolder(
    {
      'chasqui.config.ts': 'const port: number = 7\nexport default { port }\n',
      'other.mjs': 'export default { port: 8 }\n',
    },
    async (load) => {
      assert.equal((await load()).settings.port, 7)
      assert.equal((await load({ file: 'other.mjs' })).settings.port, 8)
      assert.equal((await load({ environment: { CHASQUI_CONFIG: 'other.mjs' } })).settings.port, 8)
    },
  ))

test('a value that cannot be used is refused in one sentence that says where it stands', () =>
  inFolder({ 'bad.json': '{"lease": "soon"}' }, async (load, folder) => {
    const refused = async (sources: Partial<ConfigSources>, message: string) => {
      await assert.rejects(load(sources), { code: 'CONFIG_INVALID', message })
    }
    await refused({ flags: { port: 'abc' } }, '--port must be a whole number from 0 to 65535, not "abc".')
    await refused({ flags: { port: '65536' } }, '--port must be a whole number from 0 to 65535, not "65536".')
    await refused(
      { environment: { CHASQUI_LOG_LEVEL: 'loud' } },
      'CHASQUI_LOG_LEVEL must be one of silent, error, warn, info, debug, not "loud".',
    )
    await refused(
      { file: 'bad.json' },
      `"lease" in ${join(folder, 'bad.json')} must be a duration like 200ms, 5s, 10m, 2h or 1d, from 3s to 1h, not "soon".`,
    )
    await refused(
      { flags: { engine: 'redis' } },
      '--engine must be embedded:DIR, cluster, memory, chasqui://HOST:PORT or chasquis://HOST:PORT, not "redis".',
    )
    await refused({ flags: { queues: '' } }, '--queues must be a list like a,b, not "".')
  }))

test('a file that cannot be used is refused in one sentence', () =>
  inFolder(
    {
      'typo.json': '{"prot": 1}',
      'unit.json': '{"leaseMs": 1}',
      'list.json': '[]',
      'broken.json': '{',
      'secret.json': '{"token": "chq_S3cret" oops}',
      'swapped.json': '{"chq_S3cret": "token"}',
      'place.json': '{"engine": "postgres://ana:S3cret@db/x"}',
      'throws.mjs': 'throw new Error("no luck")',
      'empty.mjs': 'export const port = 1',
    },
    async (load, folder) => {
      const refused = async (file: string, message: RegExp) => {
        await assert.rejects(load({ file }), { code: 'CONFIG_INVALID', message })
      }
      await refused('typo.json', /^"prot" in .*typo\.json is not a setting\.$/)
      await refused('unit.json', /^"leaseMs" in .* is not a setting \(it is "lease", a duration like/)
      await refused('list.json', /list\.json must hold an object of settings\.$/)
      await refused('broken.json', /broken\.json cannot be read: /)
      await refused('secret.json', /secret\.json cannot be read: it is not JSON( \(line 1 column \d+\))?\.$/)
      await refused('swapped.json', /^a name in .*swapped\.json is not a setting\.$/)
      await refused('place.json', /must be .*, not "postgres:\/\/ana:…@db\/x"\.$/)
      await refused('throws.mjs', /throws\.mjs cannot be read: no luck\.$/)
      await refused('empty.mjs', /empty\.mjs must export as its default an object of settings\.$/)
      await refused('missing.json', /^--config names a file that does not exist: /)
      await writeFile(join(folder, 'chasqui.config.json'), '{}')
      await writeFile(join(folder, 'chasqui.config.js'), 'export default {}')
      await assert.rejects(load(), {
        message: /holds chasqui\.config\.js and chasqui\.config\.json; keep one/,
      })
    },
  ))

test('variables that look like settings and are none are told of', () =>
  inFolder({}, async (load) => {
    const { unknownVariables } = await load({
      environment: { CHASQUI_PROT: '1', PORT: '2', CHASQUI_PORT: '3' },
    })
    assert.deepEqual(unknownVariables, ['CHASQUI_PROT'])
  }))

test('every setting has a name of its own, a meaning, and a default that it would accept itself', () => {
  for (const name of [nameOf, flagOf, variableOf]) {
    assert.equal(new Set(SETTING_KEYS.map(name)).size, SETTING_KEYS.length)
  }
  for (const key of SETTING_KEYS) {
    const { description, default: value } = schemaOf(key)
    assert.match(description, /^[A-Z`].*\.$/, key)
    if (value !== undefined) assert.equal(readValue(key, value).ok, true, key)
  }
  assert.equal(flagOf('reconnectGraceMs'), '--reconnect-grace')
  assert.equal(variableOf('reconnectGraceMs'), 'CHASQUI_RECONNECT_GRACE')
})
