/** `chasqui import`: an archive into an engine. */

import type { Command } from 'commander'
import { openArchive } from '../app/composition.ts'
import { roughDuration } from '../app/quantities.ts'
import { ARCHIVE_SETTINGS } from '../app/settings.ts'
import { openSource } from '../archive/archive-file.ts'
import { checkArchive, type ImportSummary, importArchive } from '../archive/import.ts'
import { action } from './action.ts'
import { countsText, numberText, tasksText } from './archive-lines.ts'
import { addCommand, addJson } from './common-options.ts'
import { CommandError, type ExitName } from './exit-codes.ts'
import { openProgress } from './progress.ts'
import type { Screen } from './screen.ts'
import { addSettings, readSettings } from './setting-options.ts'

type StoreSettings = Parameters<typeof openArchive>[0]

export function addImport(program: Command): void {
  const command = addCommand(program, {
    usage: 'import',
    description:
      'Takes an archive of chasqui export into an engine, and counts what arrived. The engine must be stopped. Repeat it when it was interrupted.',
    examples: [
      ['chasqui import --from tasks.ndjson --engine embedded:new', 'into another store'],
      [
        'chasqui import --from tasks.ndjson --engine cluster --database-url postgres://db/chasqui',
        'into a cluster',
      ],
      ['chasqui import --from tasks.ndjson --check', 'only verifies the file'],
      ['chasqui import --keep-partial', 'keeps what an import that cannot be repeated has brought'],
    ],
  })
  addJson(command)
    .option('--from <file>', 'the archive; - for standard input; compressed when it ends in .gz')
    .option('--check', 'verify the archive and write nothing')
    .option('--keep-partial', 'let an engine work with a store that is half imported')
  addSettings(command, ARCHIVE_SETTINGS).action(
    action(async ({ screen, options }) => {
      const { settings } = await readSettings(options, ARCHIVE_SETTINGS)
      const from = options.from as string | undefined
      if ((from === undefined) !== (options.keepPartial === true)) {
        throw new CommandError('usage', 'Say what to import, with --from FILE, or --keep-partial alone.')
      }
      if (from === undefined) return keepPartial(settings, screen)
      return options.check === true ? check(from, screen) : importFrom(from, settings, screen)
    }),
  )
}

async function check(from: string, screen: Screen): Promise<ExitName> {
  const summary = await verify(from)
  if (screen.json) screen.value({ file: from, ...summary })
  else screen.line(`${from} is whole: ${countsText(summary.queues, screen.colors)}; sha256 ${summary.hash}`)
  return 'done'
}

async function verify(from: string) {
  using progress = openLateProgress('tasks verified')
  return await checkArchive({ ...openSource(from), onProgress: progress.show })
}

async function importFrom(from: string, settings: StoreSettings, screen: Screen): Promise<ExitName> {
  // A file that is not whole changes nothing at all; what comes through a pipe is seen only once.
  if (openSource(from).isFile) await verify(from)
  const { archive, close } = await openArchive(settings, { readOnly: false })
  try {
    using progress = openLateProgress('tasks imported')
    const startedMs = performance.now()
    const summary = await importArchive(archive, { ...openSource(from), onProgress: progress.show })
    progress.close()
    show(summary, settings, performance.now() - startedMs, screen)
    return summary.other > 0 ? 'refused' : 'done'
  } finally {
    await close()
  }
}

function show(summary: ImportSummary, { engine }: StoreSettings, tookMs: number, screen: Screen): void {
  if (screen.json) {
    screen.value({ engine, ...summary })
    return
  }
  const { written, present, other, otherIds, schedules, target } = summary
  const known = present > 0 ? `, ${numberText(present)} were there before` : ''
  screen.line(`${tasksText(written)} imported into ${engine} in ${roughDuration(tookMs)}${known}`)
  if (schedules.written > 0) screen.line(`schedules imported: ${numberText(schedules.written)}`)
  if (schedules.present > 0) {
    screen.note(
      `schedules whose names are taken there, which stay as they are: ${numberText(schedules.present)}`,
    )
  }
  screen.line(`counted there now: ${countsText(target, screen.colors)}`)
  if (other === 0) return
  const ids = otherIds.join(', ') + (other > otherIds.length ? ' …' : '')
  screen.note(
    `${screen.errorColors.red('not imported:')} ${tasksText(other)} whose ids other tasks have there, which stay as they are: ${ids}`,
  )
}

async function keepPartial(settings: StoreSettings, screen: Screen): Promise<ExitName> {
  const { archive, close } = await openArchive(settings, { readOnly: false })
  try {
    const imports = await archive.settleFor()
    if (screen.json) screen.value({ engine: settings.engine, imports })
    else
      screen.line(imports === 0 ? 'nothing is half imported there' : 'what is there counts as all there is')
    return imports === 0 ? 'unchanged' : 'done'
  } finally {
    await close()
  }
}

/** A bar that begins when it is known of how many. */
function openLateProgress(what: string) {
  let bar: ReturnType<typeof openProgress> | undefined
  const close = () => bar?.close()
  return {
    show: (done: number, total: number) => {
      bar ??= openProgress(total, what)
      bar.show(done)
    },
    close,
    [Symbol.dispose]: close,
  }
}
