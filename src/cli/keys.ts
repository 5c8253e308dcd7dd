/** `chasqui keys`: the file of payload encryption keys. Distributors never need it. */

import type { Command } from 'commander'
import type { SettingKey } from '../app/settings.ts'
import { action, type Call, type End } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { asUsage, CommandError } from './exit-codes.ts'
import { addSettings, readSettings } from './setting-options.ts'

const KEYS_SETTINGS = ['encryptionKeys'] as const satisfies readonly SettingKey[]

export function addKeys(program: Command): void {
  const command = addCommand(program, {
    usage: 'keys <what> [id]',
    description:
      'Makes, lists, changes and removes keys of payload encryption: `keys create ID`, `keys list`, `keys use ID`, `keys remove ID`. The file may be read by its owner only; keys themselves are never shown.',
    examples: [
      [
        'chasqui keys create k2026 --encryption-keys keys.json',
        'the first key of a new file, which encrypts',
      ],
      [
        'chasqui keys create k2027 --standby --encryption-keys keys.json',
        'a next one, which only decrypts so far',
      ],
      ['chasqui keys use k2027 --encryption-keys keys.json', 'from now on it encrypts'],
      ['chasqui keys list --encryption-keys keys.json', 'their ids'],
      ['chasqui keys remove k2026 --encryption-keys keys.json', 'what it encrypted cannot be read any more'],
    ],
  })
  addJson(command).option('--standby', 'with create: it decrypts, and another one goes on encrypting')
  addSettings(command, KEYS_SETTINGS).action(
    action(async (call, what: string, id?: string) => {
      const { settings } = await readSettings(call.options, KEYS_SETTINGS)
      const path = settings.encryptionKeys
      if (path === undefined)
        throw new CommandError(
          'usage',
          'which file? Give --encryption-keys FILE, or set CHASQUI_ENCRYPTION_KEYS.',
        )
      return asUsage(run(call, path, what, id))
    }),
  )
}

async function run(
  { screen, options }: Call,
  path: string,
  what: string,
  id: string | undefined,
): Promise<End> {
  const { addKey, readKeys, removeKey, useKey } = await import('../app/key-store.ts')
  if (what !== 'list' && id === undefined)
    throw new CommandError('usage', `which key? chasqui keys ${what} ID.`)
  const standby = options.standby === true
  if (standby && what !== 'create') throw new CommandError('usage', '--standby belongs to keys create.')
  switch (what) {
    case 'create':
      addKey(path, id!, { standby })
      break
    case 'use':
      useKey(path, id!)
      break
    case 'remove':
      removeKey(path, id!)
      break
    case 'list':
      break
    default:
      throw new CommandError(
        'usage',
        `there is keys create, keys list, keys use and keys remove, not "keys ${what}".`,
      )
  }
  const { write, keys } = readKeys(path)
  for (const keyId of keys.keys()) {
    const encrypts = keyId === write
    if (screen.json) screen.value({ id: keyId, encrypts })
    else screen.line(`${keyId}${encrypts ? '  encrypts' : ''}`)
  }
  return 'done'
}
