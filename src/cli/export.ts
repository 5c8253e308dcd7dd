/** `chasqui export`: everything of an engine into a file, to be moved to another. */

import type { Command } from 'commander'
import { openArchive } from '../app/composition.ts'
import { roughDuration } from '../app/quantities.ts'
import { ARCHIVE_SETTINGS } from '../app/settings.ts'
import { VERSION } from '../app/version.ts'
import { openSink, STANDARD } from '../archive/archive-file.ts'
import { type ExportSummary, exportArchive } from '../archive/export.ts'
import { action, type Options } from './action.ts'
import { countsText, tasksText } from './archive-lines.ts'
import { addCommand, addJson } from './common-options.ts'
import { asUsage, type ExitName, exitCodeOf } from './exit-codes.ts'
import { openProgress } from './progress.ts'
import type { Screen } from './screen.ts'
import { addSettings, readSettings } from './setting-options.ts'

export function addExport(program: Command): void {
  const command = addCommand(program, {
    usage: 'export',
    description:
      'Writes everything of an engine into an archive: queued, scheduled and final tasks with results, errors, log lines and totals. The engine must be stopped.',
    examples: [
      ['chasqui export --to tasks.ndjson', 'the store in ./chasqui-data'],
      ['chasqui export --to tasks.ndjson --resume', 'goes on where an export was interrupted'],
      ['chasqui export --engine embedded:/var/lib/chasqui --to tasks.ndjson.gz', 'another store, compressed'],
      ['chasqui export --engine cluster --database-url postgres://db/chasqui --to tasks.ndjson', 'a cluster'],
      ['chasqui export --to - | chasqui import --from - --engine embedded:new', 'without a file in between'],
    ],
  })
  addJson(command)
    .requiredOption('--to <file>', 'the archive; - for standard output; compressed when it ends in .gz')
    .option('--resume', 'go on after the last whole line of the file')
    .option('--requeue-running', 'move what workers still hold as queued, the attempts that run not counted')
  addSettings(command, ARCHIVE_SETTINGS).action(
    action(async ({ screen, options }) => {
      const { settings } = await readSettings(options, ARCHIVE_SETTINGS)
      return exportTo(settings, options, screen)
    }),
  )
}

async function exportTo(
  settings: Parameters<typeof openArchive>[0],
  options: Options,
  screen: Screen,
): Promise<ExitName> {
  const path = options.to as string
  if (path === STANDARD) failWithReader()
  const { archive, close } = await openArchive(settings, { readOnly: true })
  try {
    const sink = await asUsage(openSink(path, options.resume === true))
    let progress: ReturnType<typeof openProgress> | null = null
    try {
      if (sink.transcript.trailer !== null) {
        screen.note(`${path} is complete already: ${tasksText(sink.transcript.tally.tasks)}.`)
        return 'done'
      }
      const startedMs = performance.now()
      const summary = await exportArchive({
        archive,
        transcript: sink.transcript,
        write: (text) => sink.write(text),
        by: VERSION,
        nowMs: Date.now(),
        requeueRunning: options.requeueRunning === true,
        onProgress: (done, total) => {
          progress ??= openProgress(total, 'tasks exported')
          progress.show(done)
        },
      })
      await sink.finish()
      closeProgress(progress)
      show(path, summary, performance.now() - startedMs, screen)
      return 'done'
    } finally {
      closeProgress(progress)
      await sink.close()
    }
  } finally {
    await close()
  }
}

/** For other commands a reader that has had enough is a good end; an archive that nobody read to its end is none. */
function failWithReader(): void {
  process.stdout.prependListener('error', (error) => {
    process.stderr.write(`chasqui: standard output cannot be written: ${error.message}.\n`)
    process.exit(exitCodeOf('failed'))
  })
}

/** A function, because control flow analysis does not see that a callback has set it. */
function closeProgress(progress: ReturnType<typeof openProgress> | null): void {
  progress?.close()
}

function show(path: string, summary: ExportSummary, tookMs: number, screen: Screen): void {
  const isStandard = path === STANDARD
  if (screen.json) {
    const line = { file: path, ...summary }
    // Standard output is the archive itself.
    if (isStandard) process.stderr.write(`${JSON.stringify(line)}\n`)
    else screen.value(line)
    return
  }
  const { running, schedules, queues, hash } = summary
  const where = isStandard ? 'standard output' : path
  screen.note(`exported to ${where} in ${roughDuration(tookMs)}: ${countsText(queues, screen.errorColors)}`)
  if (schedules > 0) screen.note(`schedules: ${schedules.toLocaleString('en')}`)
  if (running > 0) screen.note(`${tasksText(running)} of them had been running and went as queued`)
  screen.note(`sha256 ${hash}`)
}
