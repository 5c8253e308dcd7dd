/**
 * The lines of an archive in their order, as they are written or read: each ends in a check that depends on all lines up to it, so an
 * altered, missing or moved line is found where it stands, and the last line says what was there in all.
 *
 * Invariant: a transcript that has read the lines of a file goes on writing as the one that wrote them would have.
 */

import { hash } from 'node:crypto'
import type { ArchivedTask } from '../engine/archive.ts'
import type { ScheduleRow } from '../engine/cron.ts'
import { ChasquiError } from '../task/errors.ts'
import { type Header, isTrailer, notAnArchive, readHeader, type Trailer } from './header.ts'
import { isScheduleLine, readScheduleLine, writeScheduleLine } from './schedule-line.ts'
import { differenceOf, Tally } from './tally.ts'
import { readTask, writeTask } from './task-line.ts'

/** Digits of the check that a line shows; the last line shows the whole hash. */
const CHECK_LENGTH = 16
const CHECK_OPEN = ',"check":"'
const TAIL_LENGTH = CHECK_OPEN.length + CHECK_LENGTH + 2

/** What a line between the first and the last holds. */
export type Entry = { readonly task: ArchivedTask } | { readonly schedule: ScheduleRow }

export class Transcript {
  /** For messages: the file, or `standard input`. */
  readonly name: string
  readonly tally = new Tally()
  lines = 0
  header: Header | null = null
  trailer: Trailer | null = null
  lastId: string | null = null
  schedules = 0
  lastSchedule: string | null = null
  #hash = ''

  constructor(name: string) {
    this.name = name
  }

  // ---- writing ----------------------------------------------------------------------------------------------

  writeHeader(header: Header): string {
    this.header = header
    return this.#seal(JSON.stringify(header))
  }

  writeTask(task: ArchivedTask): string {
    this.#count(task)
    return this.#seal(writeTask(task))
  }

  writeSchedule(row: ScheduleRow): string {
    this.#countSchedule(row)
    return this.#seal(writeScheduleLine(row))
  }

  writeTrailer(): string {
    this.trailer = { end: true, tasks: this.tally.tasks, queues: this.tally.queues, hash: this.#hash }
    return this.#seal(JSON.stringify(this.trailer))
  }

  /** @param body JSON text of an object; @returns the line with its LF */
  #seal(body: string): string {
    this.#hash = this.#next(body)
    this.lines++
    return `${body.slice(0, -1)}${CHECK_OPEN}${this.#hash.slice(0, CHECK_LENGTH)}"}\n`
  }

  // ---- reading ----------------------------------------------------------------------------------------------

  /** Takes the next line, without its LF. @returns what it holds; null for the first and the last line. Throws ARCHIVE_INVALID or STORE_VERSION. */
  read(line: string): Entry | null {
    const where = `line ${this.lines + 1} of ${this.name}`
    if (this.trailer !== null) throw invalid(`${where} comes after the end of the archive`)
    const value = this.#open(line, where)
    this.lines++
    if (this.header === null) {
      this.header = readHeader(value, where, this.name)
      return null
    }
    if (isTrailer(value)) {
      this.#end(value, where)
      return null
    }
    const isSchedule = isScheduleLine(value)
    try {
      if (isSchedule) {
        const schedule = readScheduleLine(value)
        this.#countSchedule(schedule)
        return { schedule }
      }
      const task = readTask(value)
      this.#count(task)
      return { task }
    } catch (cause) {
      throw invalid(`${where} is no ${isSchedule ? 'schedule' : 'task'}: ${(cause as Error).message}`, cause)
    }
  }

  /** There are no more lines. */
  readEnd(): Trailer {
    if (this.header === null) throw notAnArchive(`line 1 of ${this.name}`)
    if (this.trailer === null) {
      throw invalid(
        `${this.name} is truncated: it ends after line ${this.lines}, without the last line of an archive`,
      )
    }
    return this.trailer
  }

  #open(line: string, where: string): unknown {
    const at = line.length - TAIL_LENGTH
    const body = `${line.slice(0, Math.max(at, 0))}}`
    const isSealed = at > 0 && line.startsWith(CHECK_OPEN, at) && line.endsWith('"}')
    const next = isSealed ? this.#next(body) : ''
    if (isSealed && line.slice(at + CHECK_OPEN.length, -2) === next.slice(0, CHECK_LENGTH)) {
      this.#hash = next
      return JSON.parse(body)
    }
    throw this.lines === 0 && !looksLikeHeader(line)
      ? notAnArchive(where)
      : invalid(`${where} was altered, or a line before it is missing`)
  }

  #end(trailer: Trailer, where: string): void {
    const { tasks, queues } = this.tally
    const difference =
      trailer.tasks !== tasks
        ? `${tasks} tasks where there should be ${trailer.tasks}`
        : this.schedules !== (this.header!.schedules ?? 0)
          ? `${this.schedules} schedules where there should be ${this.header!.schedules ?? 0}`
          : differenceOf(Array.isArray(trailer.queues) ? trailer.queues : [], queues)
    if (difference !== null) throw invalid(`${where} does not fit the lines before it: ${difference}`)
    this.trailer = trailer
  }

  // ---- both -------------------------------------------------------------------------------------------------

  #count({ id, queue, state }: ArchivedTask): void {
    this.tally.add(queue, state)
    this.lastId = id
  }

  #countSchedule({ name }: ScheduleRow): void {
    this.schedules++
    this.lastSchedule = name
  }

  #next(body: string): string {
    return hash('sha256', this.#hash + body, 'hex')
  }
}

/** So that an altered header is told from a file of something else. */
function looksLikeHeader(line: string): boolean {
  return line.startsWith('{"archive":"chasqui"')
}

export function invalid(message: string, cause?: unknown): ChasquiError {
  return new ChasquiError('ARCHIVE_INVALID', message, { cause })
}
