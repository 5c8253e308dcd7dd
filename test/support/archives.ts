/** Exports and imports as the commands do them, without a process. */

import { readFileSync } from 'node:fs'
import { openSink, openSource } from '../../src/archive/archive-file.ts'
import { type ExportSummary, exportArchive } from '../../src/archive/export.ts'
import { type ImportSummary, importArchive } from '../../src/archive/import.ts'
import type { Archive } from '../../src/engine/archive.ts'
import { openEmbeddedArchive } from '../../src/engine/embedded/embedded-archive.ts'

export interface ExportFileOptions {
  readonly resume?: boolean
  readonly requeueRunning?: boolean
}

/** Closes the archive. */
export async function exportTo(
  archive: Archive,
  file: string,
  options: ExportFileOptions = {},
): Promise<ExportSummary> {
  try {
    const sink = await openSink(file, options.resume === true)
    try {
      const summary = await exportArchive({
        archive,
        transcript: sink.transcript,
        write: (text) => sink.write(text),
        by: 'test',
        nowMs: Date.UTC(2026, 0, 2),
        requeueRunning: options.requeueRunning === true,
        onProgress() {},
      })
      await sink.finish()
      return summary
    } finally {
      await sink.close()
    }
  } finally {
    await archive.close()
  }
}

/** Closes the archive. */
export async function importFrom(archive: Archive, file: string): Promise<ImportSummary> {
  try {
    return await importArchive(archive, { ...openSource(file), onProgress() {} })
  } finally {
    await archive.close()
  }
}

/** Of an embedded store. */
export async function exportFile(
  dir: string,
  file: string,
  options: ExportFileOptions = {},
): Promise<ExportSummary> {
  return exportTo(await openEmbeddedArchive({ dir, readOnly: true }), file, options)
}

/**
 * Into an embedded store.
 * @param through what stands between the import and the store
 */
export async function importFile(
  dir: string,
  file: string,
  through: (archive: Archive) => Archive = (archive) => archive,
): Promise<ImportSummary> {
  return importFrom(through(await openEmbeddedArchive({ dir, readOnly: false })), file)
}

/** Without their LF. */
export function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n')
}
