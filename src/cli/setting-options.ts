/** Settings as options of a command: made from the schema, so that `--help` and docs/settings.md say the same. */

import { type Command, Option } from 'commander'
import { type LoadedConfig, loadConfig } from '../app/config.ts'
import { formatValue } from '../app/setting-values.ts'
import { flagOf, nameOf, type SettingKey, schemaOf } from '../app/settings.ts'
import { asUsage } from './exit-codes.ts'

/** Adds `--config` and one option for each setting. */
export function addSettings(command: Command, keys: readonly SettingKey[]): Command {
  const group = 'Settings (docs/settings.md):'
  const config = 'configuration file (default: chasqui.config.{ts,js,json} here)'
  command.addOption(new Option('--config <file>', config).helpGroup(group))
  for (const key of keys) {
    const { description, defaultText, default: value } = schemaOf(key)
    const shown = defaultText ?? formatValue(key, value)
    const suffix = shown === undefined || shown === '' ? '' : ` (default: ${shown})`
    const text = description.replaceAll('`', '').replace(/\.$/, '')
    command.addOption(new Option(`${flagOf(key)} <${placeholderOf(key)}>`, text + suffix).helpGroup(group))
  }
  return command
}

/** The settings of this run. `modules` are the arguments of `worker` and `up`. */
export function readSettings(
  options: Readonly<Record<string, unknown>>,
  keys: readonly SettingKey[],
  modules: readonly string[] = [],
): Promise<LoadedConfig> {
  return asUsage(
    loadConfig({
      flags: { ...flagsOf(options, keys), ...(modules.length > 0 && { modules }) },
      environment: process.env,
      folder: process.cwd(),
      file: options.config as string | undefined,
    }),
  )
}

/** Those that were given on the command line, as they were typed. */
export function flagsOf(
  options: Readonly<Record<string, unknown>>,
  keys: readonly SettingKey[],
): Partial<Record<SettingKey, string>> {
  const given = keys.filter((key) => typeof options[nameOf(key)] === 'string')
  return Object.fromEntries(given.map((key) => [key, options[nameOf(key)] as string]))
}

function placeholderOf(key: SettingKey): string {
  if (key.endsWith('Ms')) return 'duration'
  if (key.endsWith('Bytes')) return 'size'
  const { type, form } = schemaOf(key)
  if (form === 'a file') return 'file'
  if (type === 'integer') return 'n'
  return type === 'array' ? 'a,b' : key === 'connect' || key === 'engine' ? 'url' : 'value'
}
