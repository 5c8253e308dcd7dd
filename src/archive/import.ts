/**
 * An archive into an engine: every line is verified before its task is written, the end before the import counts as complete, and
 * the target is counted before and after.
 *
 * Invariant: whatever stops it, repeating it with the whole file ends in the same state as one import that was not stopped.
 */

import {
  type Archive,
  type ArchivedTask,
  RESTING_STATES,
  type Survey,
  type Totals,
} from '../engine/archive.ts'
import type { ScheduleRow } from '../engine/cron.ts'
import { ChasquiError } from '../task/errors.ts'
import { FINAL_STATES } from '../task/lifecycle.ts'
import { ARCHIVE_OTHERS_SHOWN, ARCHIVE_PAGE_LENGTH_MAX, ARCHIVE_PAGE_TASKS_MAX } from '../task/limits.ts'
import type { Header, Trailer } from './header.ts'
import { lineBlocks } from './lines.ts'
import { differenceOf, type QueueCounts, Tally } from './tally.ts'
import { invalid, Transcript } from './transcript.ts'

export interface Reading {
  readonly chunks: AsyncIterable<Buffer>
  /** The file, or `standard input`. */
  readonly name: string
  readonly onProgress: (done: number, total: number) => void
}

export interface CheckSummary {
  readonly tasks: number
  readonly queues: readonly QueueCounts[]
  readonly hash: string
}

export interface ImportSummary extends CheckSummary {
  readonly written: number
  /** They were there before, perhaps moved on since. */
  readonly present: number
  /** Others are there under their ids, and were left as they are. */
  readonly other: number
  /** Some of their ids. */
  readonly otherIds: readonly string[]
  /** Those whose names were taken stay as they were. */
  readonly schedules: { readonly written: number; readonly present: number }
  /** What the target holds now, counted. */
  readonly target: readonly QueueCounts[]
}

/** Reads an archive to its end and writes nothing. Throws ARCHIVE_INVALID or STORE_VERSION. */
export async function checkArchive(reading: Reading): Promise<CheckSummary> {
  const transcript = new Transcript(reading.name)
  let total = 0
  const trailer = await readLines(reading, transcript, async (line) => {
    transcript.read(line)
    if (transcript.lines === 1) total = tasksOf(transcript.header!)
    reading.onProgress(transcript.tally.tasks, total)
  })
  return { tasks: trailer.tasks, queues: trailer.queues, hash: trailer.hash }
}

export async function importArchive(target: Archive, reading: Reading): Promise<ImportSummary> {
  const transcript = new Transcript(reading.name)
  const counts = { written: 0, present: 0, other: 0 }
  const written = new Tally()
  const otherIds: string[] = []
  let before: Survey | null = null
  let total = 0
  let batch: ArchivedTask[] = []
  let rows: ScheduleRow[] = []
  const schedules = { written: 0, present: 0 }
  let length = 0

  const flush = async () => {
    const tasks = batch
    batch = []
    length = 0
    const writings = tasks.length === 0 ? [] : await target.write(tasks)
    const kept = rows.length === 0 ? [] : await target.writeSchedules(rows)
    rows = []
    for (const isWritten of kept) schedules[isWritten ? 'written' : 'present']++
    writings.forEach((writing, index) => {
      const { id, queue, state } = tasks[index]!
      counts[writing]++
      if (writing === 'written') written.add(queue, state)
      else if (writing === 'other' && otherIds.length < ARCHIVE_OTHERS_SHOWN) otherIds.push(id)
    })
    reading.onProgress(transcript.tally.tasks, total)
  }

  const trailer = await readLines(reading, transcript, async (line) => {
    const entry = transcript.read(line)
    if (before === null) {
      before = await target.survey()
      assertOtherStore(transcript.header!, before)
      await target.begin(transcript.header!)
      total = tasksOf(transcript.header!)
    }
    if (entry === null) return
    if ('schedule' in entry) rows.push(entry.schedule)
    else batch.push(entry.task)
    length += line.length
    if (batch.length + rows.length >= ARCHIVE_PAGE_TASKS_MAX || length >= ARCHIVE_PAGE_LENGTH_MAX)
      await flush()
  })
  await flush()

  const after = await target.survey()
  assertArrived(before!, written, after)
  await target.finish(transcript.header!, purgedOf(transcript.header!))
  const { tasks, queues, hash } = trailer
  return { tasks, queues, hash, ...counts, otherIds, schedules, target: after.queues }
}

/** Gives every line, then looks at the end. */
async function readLines(
  { chunks, name }: Reading,
  transcript: Transcript,
  onLine: (line: string) => Promise<void>,
): Promise<Trailer> {
  const blocks = lineBlocks(chunks, name)
  for (;;) {
    const { value, done } = await blocks.next()
    if (done === true) {
      if (value.restBytes > 0 && transcript.header !== null) {
        throw invalid(`${name} is truncated within line ${transcript.lines + 1}`)
      }
      return transcript.readEnd()
    }
    for (const line of value.lines) await onLine(line)
  }
}

function assertOtherStore(header: Header, target: Survey): void {
  if (header.store !== target.store) return
  throw new ChasquiError(
    'CONFIG_INVALID',
    'the archive was exported from the very store that it should go to',
  )
}

/** What is there now is what was there and what was written, in the rows and in the totals. */
function assertArrived(before: Survey, written: Tally, after: Survey): void {
  const was = new Map(before.queues.map((queue) => [queue.queue, queue]))
  for (const { queue, counts, totals } of after.queues) {
    const added = written.of(queue)
    const old = was.get(queue)
    const expected = { ...added }
    for (const state of RESTING_STATES) expected[state] += old?.counts[state] ?? 0
    let difference = differenceOf([{ queue, counts: expected }], [{ queue, counts }])
    let sum = old?.totals.submitted ?? 0
    for (const state of RESTING_STATES) sum += added[state]
    if (totals.submitted !== sum) {
      difference ??= `a total of ${totals.submitted} submitted in queue "${queue}", not ${sum}`
    }
    for (const state of FINAL_STATES) {
      const total = (old?.totals[state] ?? 0) + added[state]
      if (totals[state] !== total)
        difference ??= `a total of ${totals[state]} ${state} in queue "${queue}", not ${total}`
    }
    if (difference !== null) {
      throw new ChasquiError('STORE_FAILED', `the target does not hold what was written to it: ${difference}`)
    }
  }
  for (const { queue } of written.queues) {
    if (!after.queues.some((found) => found.queue === queue)) {
      throw new ChasquiError('STORE_FAILED', `the target has no queue "${queue}" after the import`)
    }
  }
}

/** What the totals count beyond the tasks that are there: those whose time of retention was over. */
function purgedOf({ queues }: Header): Map<string, Totals> {
  return new Map(
    queues.map(({ queue, counts, totals }) => {
      let tasks = 0
      for (const state of RESTING_STATES) tasks += counts[state]
      return [
        queue,
        {
          submitted: totals.submitted - tasks,
          succeeded: totals.succeeded - counts.succeeded,
          failed: totals.failed - counts.failed,
          canceled: totals.canceled - counts.canceled,
          expired: totals.expired - counts.expired,
        },
      ]
    }),
  )
}

function tasksOf({ queues }: Header): number {
  let tasks = 0
  for (const { counts } of queues) for (const count of Object.values(counts)) tasks += count
  return tasks
}
