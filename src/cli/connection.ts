/** The client of a command: the commands talk to a distributor through the client library, like any other program. */

import type { Command } from 'commander'
import { clientTls } from '../app/client-tls.ts'
import { ownToken } from '../app/own-token.ts'
import { payloadKeys } from '../app/payload-keys.ts'
import { type SettingKey, type Settings, TLS_SETTINGS } from '../app/settings.ts'
import type { Client } from '../client/client.ts'
import { connect } from '../client/connect.ts'
import type { Options } from './action.ts'
import { asUsage } from './exit-codes.ts'
import { addSettings, readSettings } from './setting-options.ts'

export const CLIENT_SETTINGS = [
  'connect',
  'connectTimeoutMs',
  'confirmTimeoutMs',
  'token',
  ...TLS_SETTINGS,
  'encryptionKeys',
  'plainPayloads',
] as const satisfies readonly SettingKey[]

/** For commands that ask one question. */
const ASKING_SETTINGS = [
  'connect',
  'connectTimeoutMs',
  'token',
  ...TLS_SETTINGS,
] as const satisfies readonly SettingKey[]

export function addConnection(command: Command): Command {
  return addSettings(command, ASKING_SETTINGS)
}

/** For those that also show what is in tasks. */
export function addReadingConnection(command: Command): Command {
  return addSettings(command, [...ASKING_SETTINGS, 'encryptionKeys', 'plainPayloads'])
}

/** Connects, lets `use` do its work, and closes, however that ends. */
export async function withClient<T>(options: Options, use: (client: Client) => Promise<T>): Promise<T> {
  const { settings } = await readSettings(options, CLIENT_SETTINGS)
  await using client = await openClient(settings)
  return await use(client)
}

/** @throws CommandError when the address cannot be used */
export function openClient(settings: Settings): Promise<Client> {
  const { connectTimeoutMs, confirmTimeoutMs } = settings
  const opening = async () =>
    connect(settings.connect, {
      name: 'chasqui',
      connectTimeoutMs,
      confirmTimeoutMs,
      ...payloadKeys(settings),
      ...ownToken(settings),
      ...clientTls(settings, settings.connect),
    })
  return asUsage(opening())
}
