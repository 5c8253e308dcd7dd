/** `chasqui token`: who may talk to a distributor. It changes the file of `--tokens`, which a running distributor reads again by itself. */

import type { Command } from 'commander'
import { AUDIT_SETTINGS, type SettingKey, type Settings } from '../app/settings.ts'
import { action, type Call, type End } from './action.ts'
import {
  addCommand,
  addJson,
  durationOption,
  integerOption,
  listOption,
  sizeOption,
} from './common-options.ts'
import { asUsage, CommandError } from './exit-codes.ts'
import { shortText, tableLines } from './screen.ts'
import { addSettings, readSettings } from './setting-options.ts'

const TOKEN_SETTINGS = ['tokens', ...AUDIT_SETTINGS] as const satisfies readonly SettingKey[]
const DAY_MS = 86_400_000
const RATE_MAX = 1_000_000_000

export function addToken(program: Command): void {
  const command = addCommand(program, {
    usage: 'token <what> [name]',
    description:
      'Makes, lists and revokes tokens: `token create NAME`, `token list`, `token revoke NAME-OR-ID`. A running distributor notices within seconds. The secret is shown once and kept nowhere. What was made and revoked is written to the audit log that --audit or the settings of the cluster name.',
    examples: [
      [
        'chasqui token create shop --roles client --tokens tokens.json',
        'may submit, read and cancel in every queue',
      ],
      [
        'chasqui token create mailer --rights work --queues "mail-*" --tokens tokens.json',
        'a worker of these queues only',
      ],
      [
        'chasqui token create ana --rights submit,read --keys ana --expires 90d --stored-bytes 1GiB --tokens tokens.json',
        'a tenant: its own tasks only',
      ],
      ['chasqui token list --tokens tokens.json', 'who there is'],
      ['chasqui token revoke shop --tokens tokens.json', 'closes its connections, too'],
    ],
  })
  addJson(command)
    .option(
      '--roles <a,b>',
      'roles: admin, client, worker, viewer, monitor, submitter, or those of the file',
      listOption,
      [],
    )
    .option(
      '--rights <a,b>',
      'or rights by themselves: submit, read, cancel, retry, work, cron, observe, metrics, admin',
      listOption,
      [],
    )
    .option('--queues <a,b>', 'with --rights: in these queues; * stands for any characters', listOption, [])
    .option('--keys <a,b>', 'with --rights: only for tasks with these keys (tenants)', listOption, [])
    .option('--expires <duration>', 'valid for this long; without it for ever', daysOption)
    .option('--tasks-per-second <n>', 'may submit so many at each distributor', integerOption(1, RATE_MAX))
    .option('--bytes-per-second <size>', 'of their data, likewise', sizeOption)
    .option('--stored-bytes <size>', 'of data that the store keeps for it, like 1GiB', sizeOption)
  addSettings(command, TOKEN_SETTINGS).action(
    action(async (call, what: string, name?: string) => {
      const { settings } = await readSettings(call.options, TOKEN_SETTINGS)
      if (settings.tokens === undefined)
        throw new CommandError('usage', 'which file? Give --tokens FILE, or set CHASQUI_TOKENS.')
      const path = settings.tokens
      switch (what) {
        case 'create':
          return asUsage(create(call, settings, path, name))
        case 'list':
          return asUsage(list(call, path))
        case 'revoke':
          return asUsage(revoke(call, settings, path, name))
        default:
          throw new CommandError(
            'usage',
            `there is token create, token list and token revoke, not "token ${what}".`,
          )
      }
    }),
  )
}

/** Tokens live for days, which other durations here do not have. */
function daysOption(text: string): number {
  const [, days] = /^(\d{1,5})d$/.exec(text) ?? []
  return days === undefined ? durationOption(text) : Number(days) * DAY_MS
}

interface CreateOptions {
  readonly roles: readonly string[]
  readonly rights: readonly string[]
  readonly queues: readonly string[]
  readonly keys: readonly string[]
  readonly expires?: number
  readonly tasksPerSecond?: number
  readonly bytesPerSecond?: number
  readonly storedBytes?: number
}

async function create(
  { screen, options }: Call,
  settings: Settings,
  path: string,
  name: string | undefined,
): Promise<End> {
  if (name === undefined)
    throw new CommandError('usage', 'what is it to be called? chasqui token create NAME.')
  const { roles, rights, queues, keys, expires, ...rest } = options as unknown as CreateOptions
  const { tasksPerSecond, bytesPerSecond, storedBytes } = rest
  if (roles.length === 0 && rights.length === 0)
    throw new CommandError('usage', 'what may it do? Give --roles or --rights.')
  if (rights.length === 0 && queues.length + keys.length > 0) {
    throw new CommandError('usage', '--queues and --keys say where --rights count; roles bring their own.')
  }
  const { changeTokens } = await import('../app/token-store.ts')
  const { withNote } = await import('../app/audit-notes.ts')
  const { createToken } = await import('../distributor/access/token.ts')
  const { formatTokenFile, parseTokenFile } = await import('../distributor/access/token-file.ts')
  const nowMs = Date.now()
  const { token, ...proof } = createToken()
  const grant = { rights, queues: queues.length === 0 ? ['*'] : queues, ...(keys.length > 0 && { keys }) }
  const entry = {
    ...proof,
    name,
    roles,
    grants: rights.length === 0 ? [] : [grant],
    createdAt: new Date(nowMs).toISOString(),
    expiresAt: expires === undefined ? null : new Date(nowMs + expires).toISOString(),
    limits: {
      ...(tasksPerSecond !== undefined && { tasksPerSecond }),
      ...(bytesPerSecond !== undefined && { bytesPerSecond }),
      ...(storedBytes !== undefined && { storedBytes }),
    },
  }
  const { id, grants, expiresAt, limits } = entry
  const change = () =>
    changeTokens(path, (file) => {
      if (file.tokens.some((known) => known.name === name))
        throw new CommandError('usage', `there is a token called "${name}" already.`)
      const written = { ...file, tokens: [...file.tokens, entry] } as typeof file
      // What was typed is checked by who reads it.
      return { file: parseTokenFile(formatTokenFile(written), 'this token'), result: null }
    })
  const details = { token: `${name} (${id})`, roles, grants, expiresAt, limits }
  await withNote(settings, change, () => ({ act: 'token.create', details }))
  if (screen.json) screen.value({ id: entry.id, name, token, expiresAt: entry.expiresAt })
  else {
    screen.line(token)
    process.stderr.write(
      `This is all that will ever be shown of it. Use it as CHASQUI_TOKEN, or --token @FILE.\n`,
    )
  }
  return 'done'
}

async function list({ screen }: Call, path: string): Promise<End> {
  const { readTokens } = await import('../app/token-store.ts')
  const rows = readTokens(path).tokens.map(({ id, name, roles, grants, createdAt, expiresAt }) => ({
    id,
    name,
    roles,
    grants,
    createdAt,
    expiresAt,
    expired: expiresAt !== null && Date.parse(expiresAt) <= Date.now(),
  }))
  if (screen.json) for (const row of rows) screen.value(row)
  else {
    const columns = [
      { title: 'name', cell: ({ name }: (typeof rows)[number]) => shortText(name, 40) },
      { title: 'id', cell: ({ id }: (typeof rows)[number]) => id },
      { title: 'may', cell: (row: (typeof rows)[number]) => shortText(mayText(row), 60) },
      {
        title: 'expires',
        cell: ({ expiresAt, expired }: (typeof rows)[number]) =>
          expired ? 'is over' : (expiresAt ?? 'never'),
      },
    ]
    for (const line of tableLines(columns, rows, screen.colors)) screen.line(line)
  }
  return 'done'
}

function mayText({
  roles,
  grants,
}: {
  roles: readonly string[]
  grants: readonly { rights: readonly string[]; queues: readonly string[]; keys?: readonly string[] }[]
}): string {
  const own = grants.map(
    ({ rights, queues, keys }) =>
      `${rights.join('+')} in ${queues.join('+')}${keys === undefined ? '' : ` of ${keys.join('+')}`}`,
  )
  return [...roles, ...own].join(', ')
}

async function revoke(
  { screen }: Call,
  settings: Settings,
  path: string,
  which: string | undefined,
): Promise<End> {
  if (which === undefined) throw new CommandError('usage', 'which one? chasqui token revoke NAME-OR-ID.')
  const { changeTokens } = await import('../app/token-store.ts')
  const { withNote } = await import('../app/audit-notes.ts')
  const change = () =>
    changeTokens(path, (file) => {
      const found = file.tokens.find(({ id, name }) => id === which || name === which)
      if (found === undefined) throw new CommandError('usage', `there is no token called "${which}".`)
      return { file: { ...file, tokens: file.tokens.filter((token) => token !== found) }, result: found }
    })
  const revoked = await withNote(settings, change, ({ name, id }) => ({
    act: 'token.revoke',
    details: { token: `${name} (${id})` },
  }))
  if (screen.json) screen.value({ id: revoked.id, name: revoked.name, revoked: true })
  else screen.line(`Revoked ${revoked.name} (${revoked.id}). Connections with it are closed within seconds.`)
  return 'done'
}
