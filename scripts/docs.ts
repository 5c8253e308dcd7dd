/**
 * The parts of docs/ that are made from the code. `npm run docs` writes them; test/tidy/docs.test.ts fails where they differ.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DASHBOARDS } from '../deploy/grafana/dashboards.ts'
import { dashboardJson } from '../deploy/grafana/panels.ts'
import { SETTING_GROUPS } from '../src/app/setting-schema.ts'
import { expectedForm, formatValue } from '../src/app/setting-values.ts'
import { flagOf, nameOf, SETTING_KEYS, type SettingKey, schemaOf, variableOf } from '../src/app/settings.ts'
import { EXIT_CODES } from '../src/cli/exit-codes.ts'
import { createProgram } from '../src/cli/program.ts'
import { TRANSITIONS } from '../src/task/lifecycle.ts'
import { LOG_EVENTS } from '../src/telemetry/events.ts'
import { METRICS, type MetricEntry } from '../src/telemetry/metrics/table.ts'
import { errorsTable, protocolParts } from './protocol-docs.ts'

const root = resolve(import.meta.dirname, '..')

/** What every generated page or part should be, by path from the root. */
export function pages(): Map<string, string> {
  return new Map([
    ['docs/cli.md', cliPage()],
    ['docs/settings.md', settingsPage()],
    ['docs/limits.md', limitsPage(read('src/task/limits.ts'))],
    ['docs/logs.md', withPart(read('docs/logs.md'), 'events', eventsTable())],
    ['docs/protocol.md', withParts(read('docs/protocol.md'), protocolParts())],
    ['docs/errors.md', withPart(read('docs/errors.md'), 'errors', errorsTable())],
    ['docs/metrics.md', withPart(read('docs/metrics.md'), 'metrics', metricsTables())],
    ...Object.entries(DASHBOARDS).map(([file, spec]): [string, string] => [
      `deploy/grafana/dashboards/${file}`,
      dashboardJson(spec),
    ]),
    ['docs/lifecycle.md', withPart(read('docs/lifecycle.md'), 'transitions', transitionsTable())],
  ])
}

const METRIC_OWNERS: Readonly<Record<MetricEntry['of'], string>> = {
  tasks: 'Where tasks are held',
  distributor: 'The distributor',
  worker: 'A worker process',
  process: 'Every process',
}

export function metricsTables(): string {
  const entries = Object.entries(METRICS as Readonly<Record<string, MetricEntry>>)
  const sections = Object.entries(METRIC_OWNERS).map(([of, title]) => {
    const rows = entries
      .filter(([, entry]) => entry.of === of)
      .map(([name, { kind, labels, help }]) => {
        const shown = labels.map((label) => `\`${label}\``).join(', ')
        return `| \`${name}\` | ${kind} | ${shown} | ${help} |`
      })
    return [`## ${title}`, '', '| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join(
      '\n',
    )
  })
  return sections.join('\n\n')
}

export function eventsTable(): string {
  const rows = Object.entries(LOG_EVENTS).map(
    ([name, { level, text }]) => `| \`${name}\` | ${level} | ${text} |`,
  )
  return ['| event | level | text |', '|---|---|---|', ...rows].join('\n')
}

export function transitionsTable(): string {
  const rows = TRANSITIONS.map(({ from, verb, to }) => `| ${from} | ${verb} | ${to} |`)
  return ['| from | verb | to |', '|---|---|---|', ...rows].join('\n')
}

const HELP_WIDTH = 110

function cliPage(): string {
  const codes = Object.values(EXIT_CODES).map(({ code, meaning }) => `| ${code} | ${meaning} |`)
  const sections = createProgram().commands.map((command) => {
    let help = ''
    command.configureOutput({
      writeOut: (text) => {
        help += text
      },
      getOutHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
    })
    command.outputHelp()
    return `## chasqui ${command.name()}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\``
  })
  return `# Commands

<!-- Made from src/cli/ by \`npm run docs\`. -->

In a clone of the repository it is \`npx chasqui …\`; where the package is installed likewise, or \`chasqui …\`.

Results go to standard output, everything else to standard error. With \`--json\` standard output is one JSON value a line (records, receipts and events in
the form of the [wire](protocol.md), with ISO 8601 times), and an error is one JSON line on standard error: \`{"error":{"code":…,"message":…}}\` with a
code of [the table](errors.md). Colours and progress bars appear only on a terminal; \`NO_COLOR\` and \`FORCE_COLOR\` are heeded. Durations are written like \`200ms\`, \`5s\`, \`10m\`.

## Exit codes

| code | meaning |
|---|---|
${codes.join('\n')}

${sections.join('\n\n')}
`
}

function settingsPage(): string {
  const sections = Object.entries(SETTING_GROUPS).map(([group, title]) => {
    const rows = SETTING_KEYS.filter((key) => schemaOf(key).group === group).map(settingRow)
    return [
      `## ${title}`,
      '',
      '| setting | default | must be | what it does |',
      '|---|---|---|---|',
      ...rows,
    ].join('\n')
  })
  return `# Settings

<!-- Made from src/app/settings.ts by \`npm run docs\`. -->

A setting is looked for in this order: the **flag** (\`--reconnect-grace 5s\`), the **environment variable** (\`CHASQUI_RECONNECT_GRACE=5s\`), the
**configuration file** (\`reconnectGrace: '5s'\`), the **default**. A value that cannot be used is refused with one sentence that says where it stands.

The configuration file is \`chasqui.config.ts\`, \`.js\` (both export an object as default) or \`.json\` in the working directory; \`--config FILE\` or
\`CHASQUI_CONFIG\` name another one. \`chasqui check\` shows every setting with its origin.

Durations are written like \`200ms\`, \`5s\`, \`10m\`, \`2h\`, \`1d\`; sizes like \`512KiB\`, \`16MiB\`, \`1GiB\`; lists like \`a,b\`. In the file a number of
milliseconds or bytes, or an array, does as well.

${sections.join('\n\n')}
`
}

function settingRow(key: SettingKey): string {
  const { default: value, defaultText, description } = schemaOf(key)
  const shown = defaultText ?? formatValue(key, value)
  const names = [`\`${flagOf(key)}\``, `\`${variableOf(key)}\``, `\`${nameOf(key)}\``].join(' ')
  const standard = shown === undefined || shown === '' ? 'not set' : (defaultText ?? `\`${shown}\``)
  const form = schemaOf(key).form ?? expectedForm(key).replace(/^a (duration|size) like .*?, from/, '$1 from')
  return `| ${names} | ${standard} | ${form} | ${description} |`.replaceAll(/(?<=\S)\|(?=\S)/g, '\\|')
}

/** Read from the source text, because the reasons are its comments. */
function limitsPage(source: string): string {
  const lines: string[] = []
  let reason: string[] = []
  for (const line of source.split('\n')) {
    const section = /^\/\/ -+ (.+?) -+$/.exec(line)
    const constant = /^export const ([A-Z0-9_]+)(?:: \w+)? = (.+?)$/.exec(line)
    if (section)
      lines.push(
        '',
        `## ${section[1]![0]!.toUpperCase()}${section[1]!.slice(1)}`,
        '',
        '| limit | value | what and why |',
        '|---|---|---|',
      )
    else if (/^(\/\*\*| \*)/.test(line))
      reason.push(
        line
          .replace(/^(\/\*\*| \*\/?)\s?/, '')
          .replace(/\*\/$/, '')
          .trim(),
      )
    else if (constant) {
      const why = reason.filter((text) => text !== '').join(' ')
      lines.push(`| \`${constant[1]}\` | ${valueText(constant[2]!)} | ${why.replaceAll('|', '\\|')} |`)
      reason = []
    } else reason = []
  }
  return `# Limits

<!-- Made from src/task/limits.ts by \`npm run docs\`. -->

Every buffer, queue, batch, retry and wait of Chasqui has a limit with a name. At a limit the caller hears a coded error (see
[errors](errors.md)), mostly \`RETRY_AFTER\`; nothing is dropped silently. Where a limit says *(setting)*, the value here is the default
of a [setting](settings.md), or of an option of the client library. The unit is the end of the name: \`_MS\` milliseconds, \`_BYTES_MAX\` bytes, \`_LENGTH_MAX\` characters.
${lines.join('\n')}
`
}

/** Values are arithmetic of literals: shown as written, and as a number where that is shorter to read. */
function valueText(expression: string): string {
  const bare = expression.replaceAll('_', '')
  if (!/^[\d\s*+()-]+$/.test(bare)) return `\`${expression}\``
  return Number(Function(`return ${bare}`)()).toLocaleString('en')
}

export function withPart(page: string, name: string, part: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [start, end] = [page.indexOf(open), page.indexOf(close)]
  if (start < 0 || end < 0) throw new Error(`the page has no ${open} … ${close}`)
  return `${page.slice(0, start + open.length)}\n${part}\n${page.slice(end)}`
}

function withParts(page: string, parts: ReadonlyMap<string, string>): string {
  return [...parts].reduce((text, [name, part]) => withPart(text, name, part), page)
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

if (import.meta.main) {
  for (const [path, text] of pages()) writeFileSync(join(root, path), text)
}
