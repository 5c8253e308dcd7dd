/**
 * Where settings come from: a flag, else a `CHASQUI_*` environment variable, else the configuration file, else the default.
 *
 * Invariant: a value that cannot be used is refused with one sentence that names where it stands, before anything is opened.
 */

import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Schedule } from '../engine/cron.ts'
import { ChasquiError } from '../task/errors.ts'
import { redactedUrl } from '../wire/redacted-url.ts'
import { expectedForm, readValue } from './setting-values.ts'
import {
  flagOf,
  nameOf,
  SETTING_KEYS,
  type SettingKey,
  type Settings,
  schemaOf,
  variableOf,
} from './settings.ts'

/** What a configuration file exports: settings by their names (`lease`, not `leaseMs`), as text or as values. */
export type Configuration = Readonly<Record<string, unknown>>

export const CONFIG_FILES = ['chasqui.config.ts', 'chasqui.config.js', 'chasqui.config.json'] as const
export const CONFIG_VARIABLE = 'CHASQUI_CONFIG'

export interface ConfigSources {
  /** By setting; text as it was typed. */
  readonly flags: Readonly<Partial<Record<SettingKey, string | readonly string[]>>>
  readonly environment: NodeJS.ProcessEnv
  /** Where a configuration file is looked for. */
  readonly folder: string
  /** `--config`; else CHASQUI_CONFIG, else one of CONFIG_FILES in the folder. */
  readonly file?: string | undefined
}

export interface LoadedConfig {
  readonly settings: Settings
  /** Where each value stands: `--port`, `CHASQUI_PORT`, `chasqui.config.ts`, `default`. */
  readonly origins: Readonly<Record<SettingKey, string>>
  /** Full path; null when there is none. */
  readonly file: string | null
  /** What the file declares of schedules; null: nothing. */
  readonly schedules: readonly Schedule[] | null
  /** `CHASQUI_*` variables that name no setting: most likely typing errors. */
  readonly unknownVariables: readonly string[]
}

/** @throws ChasquiError CONFIG_INVALID */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const file = findFile(sources)
  const fromFile = file === null ? {} : await readConfigFile(file)
  if (file !== null) refuseUnknownNames(fromFile, file)
  const settings: Record<string, unknown> = {}
  const origins: Record<string, string> = {}
  for (const key of SETTING_KEYS) {
    const { written, origin, named } = locate(key, sources, fromFile, file)
    if (written === undefined) continue
    const read = readValue(key, written)
    if (!read.ok) {
      throw new ChasquiError(
        'CONFIG_INVALID',
        `${named} must be ${read.expected}, not ${quoted(key, written)}.`,
        {
          details: { setting: nameOf(key), origin },
        },
      )
    }
    settings[key] = read.value
    origins[key] = origin
  }
  return {
    settings: settings as Settings,
    origins: origins as Record<SettingKey, string>,
    file,
    schedules: file === null || fromFile.cron === undefined ? null : await declaredIn(fromFile.cron, file),
    unknownVariables: unknownVariables(sources.environment),
  }
}

/** Loaded only where there are some: what reads them takes its time. */
async function declaredIn(cron: unknown, file: string): Promise<readonly Schedule[]> {
  const { readDeclared } = await import('./declared-cron.ts')
  return readDeclared(cron, file, Date.now())
}

interface Located {
  readonly written: unknown
  readonly origin: string
  /** To begin a sentence with. */
  readonly named: string
}

function locate(
  key: SettingKey,
  { flags, environment }: ConfigSources,
  fromFile: Configuration,
  file: string | null,
): Located {
  const flag = flags[key]
  if (flag !== undefined) return { written: flag, origin: flagOf(key), named: flagOf(key) }
  const variable = environment[variableOf(key)]
  // An empty variable is how a shell unsets one for a command.
  if (variable !== undefined && variable !== '') {
    return { written: variable, origin: variableOf(key), named: variableOf(key) }
  }
  const name = nameOf(key)
  if (file !== null && fromFile[name] !== undefined) {
    return { written: fromFile[name], origin: basename(file), named: `"${name}" in ${file}` }
  }
  return { written: schemaOf(key).default, origin: 'default', named: `the default of ${name}` }
}

function findFile({ file, environment, folder }: ConfigSources): string | null {
  const asked = file ?? environment[CONFIG_VARIABLE]
  if (asked !== undefined && asked !== '') {
    const path = resolve(folder, asked)
    if (existsSync(path)) return path
    const origin = file === undefined ? CONFIG_VARIABLE : '--config'
    throw new ChasquiError('CONFIG_INVALID', `${origin} names a file that does not exist: ${path}.`)
  }
  const found = CONFIG_FILES.map((name) => resolve(folder, name)).filter((path) => existsSync(path))
  if (found.length > 1) {
    const names = found.map((path) => basename(path)).join(' and ')
    throw new ChasquiError('CONFIG_INVALID', `${folder} holds ${names}; keep one, or choose with --config.`)
  }
  return found[0] ?? null
}

async function readConfigFile(path: string): Promise<Configuration> {
  let value: unknown
  try {
    value = path.endsWith('.json')
      ? JSON.parse(await readFile(path, 'utf8'))
      : ((await import(pathToFileURL(path).href)) as { default?: unknown }).default
  } catch (cause) {
    throw new ChasquiError('CONFIG_INVALID', `${path} cannot be read: ${whyUnreadable(cause)}.`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = path.endsWith('.json') ? 'hold' : 'export as its default'
    throw new ChasquiError('CONFIG_INVALID', `${path} must ${what} an object of settings.`)
  }
  return value as Configuration
}

/** The parser's own words repeat a piece of the file, which may be a password. */
function whyUnreadable(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  const [place] = /\(line \d+ column \d+\)/.exec(cause.message) ?? []
  const isJson = cause instanceof SyntaxError && / JSON\b/.test(cause.message)
  return isJson ? `it is not JSON${place === undefined ? '' : ` ${place}`}` : cause.message.split('\n')[0]!
}

const NAME_FORM = /^[A-Za-z]{1,32}$/

function refuseUnknownNames(configuration: Configuration, file: string): void {
  const known = new Map(SETTING_KEYS.map((key) => [nameOf(key), key]))
  for (const name of Object.keys(configuration)) {
    if (known.has(name) || name === 'cron') continue
    // The mistake that is easy to make: the name that the program itself uses.
    const meant = SETTING_KEYS.find((key) => key.toLowerCase() === name.toLowerCase())
    const hint = meant === undefined ? '' : ` (it is "${nameOf(meant)}", ${expectedForm(meant)})`
    // What does not look like one may be a value whose quotes are wrong: a password, for example.
    const shown = NAME_FORM.test(name) ? `"${name}"` : 'a name'
    throw new ChasquiError('CONFIG_INVALID', `${shown} in ${file} is not a setting${hint}.`)
  }
}

function unknownVariables(environment: NodeJS.ProcessEnv): string[] {
  const known = new Set([CONFIG_VARIABLE, ...SETTING_KEYS.map(variableOf)])
  return Object.keys(environment).filter((name) => name.startsWith('CHASQUI_') && !known.has(name))
}

function quoted(key: SettingKey, written: unknown): string {
  if (schemaOf(key).secret !== undefined) return 'what was given'
  // A URL with a password may stand in the wrong place.
  const redact = (_name: string, value: unknown) => (typeof value === 'string' ? redactedUrl(value) : value)
  const text = JSON.stringify(written, redact) ?? String(written)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
