/** `chasqui audit`: who did what, from where. It reads the log where it is kept, and asks no distributor. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { AUDIT_SETTINGS } from '../app/settings.ts'
import type { AuditLine, AuditQuery } from '../engine/audit.ts'
import { action, type Options } from './action.ts'
import { addCommand, addJson, durationOption, integerOption } from './common-options.ts'
import { asUsage } from './exit-codes.ts'
import { type Screen, shortText, tableLines } from './screen.ts'
import { addSettings, readSettings } from './setting-options.ts'

const LIMIT_DEFAULT = 50
const LIMIT_MAX = 1_000_000

export function addAudit(program: Command): void {
  const command = addCommand(program, {
    usage: 'audit',
    description:
      'Shows the audit log: who did what to which tasks or queues, from where, and what was refused. Reads the file of --audit, or the table of the cluster.',
    examples: [
      ['chasqui audit --audit audit.ndjson', `the newest ${LIMIT_DEFAULT}`],
      [
        'chasqui audit --engine cluster --database-url postgres://db/chasqui --result refused --since 24h',
        'of all distributors',
      ],
      ['chasqui audit --audit audit.ndjson --id siesta --json', 'what happened to one task, for scripts'],
    ],
  })
  addJson(command)
    .option('--who <name>', 'only of this identity')
    .option('--act <name>', 'only this act: a method such as task.cancel, token.create, tokens.changed')
    .addOption(new Option('--result <result>', 'only what was').choices(['allowed', 'refused']))
    .option('--id <task>', 'only what names this task')
    .option('--since <time>', 'only since then: a duration like 24h, or a time like 2026-01-31', sinceOption)
    .option('--limit <n>', `the newest so many (default: ${LIMIT_DEFAULT})`, integerOption(1, LIMIT_MAX))
  addSettings(command, AUDIT_SETTINGS).action(
    action(async ({ screen, options }) => {
      const { readAudit } = await import('../app/audit-reading.ts')
      const { settings } = await readSettings(options, AUDIT_SETTINGS)
      const lines = await asUsage(readAudit(settings, queryOf(options)))
      if (screen.json) for (const line of lines) screen.value(line)
      else if (lines.length === 0) screen.note('Nothing of the kind is written down.')
      else show(lines, screen)
      return 'done'
    }),
  )
}

/** Milliseconds since the epoch. */
function sinceOption(text: string): number {
  const atMs = Date.parse(text)
  if (/^\d{4}-/.test(text) && !Number.isNaN(atMs)) return atMs
  try {
    return Date.now() - durationOption(text)
  } catch {
    throw new InvalidArgumentError('It must be a duration like 24h or 7d, or a time like 2026-01-31T12:00Z.')
  }
}

function queryOf({ who, act, result, id, since, limit }: Options): AuditQuery {
  return {
    limit: (limit as number | undefined) ?? LIMIT_DEFAULT,
    ...(who !== undefined && { who: who as string }),
    ...(act !== undefined && { act: act as string }),
    ...(result !== undefined && { result: result as 'allowed' | 'refused' }),
    ...(id !== undefined && { id: id as string }),
    ...(since !== undefined && { sinceMs: since as number }),
  }
}

function show(lines: readonly AuditLine[], screen: Screen): void {
  const { red } = screen.colors
  const columns = [
    { title: 'at', cell: ({ at }: AuditLine) => shortText(at, 30) },
    {
      title: 'result',
      cell: ({ result, code }: AuditLine) =>
        result === 'refused' ? red(shortText(code ?? result, 20)) : result,
    },
    { title: 'act', cell: ({ act }: AuditLine) => shortText(act, 30) },
    { title: 'who', cell: ({ who }: AuditLine) => shortText(who, 30) },
    { title: 'from', cell: ({ from }: AuditLine) => shortText(from, 40) },
    { title: 'what', cell: (line: AuditLine) => shortText(whatText(line), 60) },
  ]
  for (const line of tableLines(columns, lines, screen.colors)) screen.line(line)
}

function whatText({ ids, count, queue, details, alsoRefused, lostBefore }: AuditLine): string {
  const more =
    count !== undefined && ids !== undefined && count > ids.length ? ` and ${count - ids.length} more` : ''
  return [
    queue === undefined ? '' : `queue ${queue}`,
    ids === undefined ? '' : `${ids.join(' ')}${more}`,
    details === undefined ? '' : JSON.stringify(details),
    alsoRefused === undefined ? '' : `${alsoRefused} more refusals of this address`,
    lostBefore === undefined ? '' : `${lostBefore} entries before this one were lost`,
  ]
    .filter((part) => part !== '')
    .join(' ')
}
