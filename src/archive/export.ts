/** Everything of an engine into an archive, page by page: from the beginning, or on from where an earlier export stopped. */

import type { Archive, Survey } from '../engine/archive.ts'
import { ChasquiError } from '../task/errors.ts'
import { ARCHIVE_WRITE_LENGTH } from '../task/limits.ts'
import { ARCHIVE_VERSION } from './header.ts'
import { differenceOf, type QueueCounts } from './tally.ts'
import type { Transcript } from './transcript.ts'

export interface ExportRequest {
  readonly archive: Archive
  /** New, or having read what an earlier export wrote. */
  readonly transcript: Transcript
  /** Resolves when more can be taken. */
  readonly write: (text: string) => Promise<void>
  /** Version of the program. */
  readonly by: string
  readonly nowMs: number
  /** What workers hold is moved as queued; else it is a reason not to begin. */
  readonly requeueRunning: boolean
  readonly onProgress: (done: number, total: number) => void
}

export interface ExportSummary {
  readonly tasks: number
  readonly running: number
  readonly schedules: number
  readonly queues: readonly QueueCounts[]
  readonly hash: string
}

export async function exportArchive(request: ExportRequest): Promise<ExportSummary> {
  const { archive, transcript, write, onProgress } = request
  const survey = await archive.survey()
  if (survey.running > 0 && !request.requeueRunning) throw heldError(survey.running)
  if (transcript.header === null) await write(transcript.writeHeader(headerOf(request, survey)))
  else assertSameStore(transcript, survey)

  let total = 0
  for (const { counts } of survey.queues) for (const count of Object.values(counts)) total += count
  onProgress(transcript.tally.tasks, total)
  for (;;) {
    const page = await archive.read(transcript.lastId)
    if (page.length === 0) break
    // Not every line is worth a write of its own, and large ones together are not worth the memory.
    let text = ''
    for (const task of page) {
      text += transcript.writeTask(task)
      if (text.length < ARCHIVE_WRITE_LENGTH) continue
      await write(text)
      text = ''
    }
    if (text !== '') await write(text)
    onProgress(transcript.tally.tasks, total)
  }
  for (;;) {
    const page = await archive.readSchedules(transcript.lastSchedule)
    if (page.length === 0) break
    await write(page.map((row) => transcript.writeSchedule(row)).join(''))
  }
  const difference =
    transcript.schedules === survey.schedules
      ? differenceOf(survey.queues, transcript.tally.queues)
      : `${transcript.schedules} schedules where there should be ${survey.schedules}`
  if (difference !== null) {
    throw new ChasquiError('STORE_FAILED', `the store changed while it was exported: ${difference}`)
  }
  await write(transcript.writeTrailer())
  const { tally, trailer } = transcript
  const { schedules } = transcript
  return { tasks: tally.tasks, running: survey.running, schedules, queues: tally.queues, hash: trailer!.hash }
}

function headerOf({ archive, by, nowMs }: ExportRequest, survey: Survey) {
  const at = new Date(nowMs).toISOString()
  const { schedules, ...rest } = survey
  const version = schedules === 0 ? ARCHIVE_VERSION - 1 : ARCHIVE_VERSION
  const same = { archive: 'chasqui', version, from: archive.kind, by, at, ...rest } as const
  return schedules === 0 ? same : { ...same, schedules }
}

function heldError(running: number): ChasquiError {
  const what = running === 1 ? '1 task is' : `${running} tasks are`
  return new ChasquiError(
    'STORE_LOCKED',
    `${what} still held by workers: start the engine again and stop the workers first, or add --requeue-running to move them as queued, ` +
      'their running attempts not counted and whatever comes of those attempts refused',
  )
}

function assertSameStore({ header, name }: Transcript, survey: Survey): void {
  if (header!.store === survey.store && header!.revision === survey.revision) return
  throw new ChasquiError(
    'CONFIG_INVALID',
    `${name} was begun from another store, or this one has been at work since: remove the file and export again`,
  )
}
