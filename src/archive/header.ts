/** The first and the last line of an archive: what it is, and what must have come in between. docs/moving.md describes the format. */

import { RESTING_STATES, type Survey } from '../engine/archive.ts'
import { ChasquiError } from '../task/errors.ts'
import { FINAL_STATES } from '../task/lifecycle.ts'
import type { QueueCounts } from './tally.ts'

/** Counted up when a reader of an older version would misunderstand. 2: there may be schedules; without any it is still 1. */
export const ARCHIVE_VERSION = 2

export interface Header extends Omit<Survey, 'schedules'> {
  /** Absent: none. */
  readonly schedules?: number
  readonly archive: 'chasqui'
  readonly version: number
  /** Kind of the engine. */
  readonly from: string
  /** Version of the program. */
  readonly by: string
  /** ISO 8601. */
  readonly at: string
}

export interface Trailer {
  readonly end: true
  readonly tasks: number
  readonly queues: readonly QueueCounts[]
  /** Of all lines before this one, in full. */
  readonly hash: string
}

/** @param where `line 1 of FILE`; @param name the file */
export function readHeader(value: unknown, where: string, name: string): Header {
  const header = value as Partial<Header> | null
  if (typeof header !== 'object' || header?.archive !== 'chasqui' || !Number.isInteger(header.version)) {
    throw notAnArchive(where)
  }
  if (header.version! > ARCHIVE_VERSION) {
    throw new ChasquiError(
      'STORE_VERSION',
      `${name} was written by a newer Chasqui (archive version ${header.version}, this one knows ${ARCHIVE_VERSION})`,
    )
  }
  const isWhole =
    typeof header.store === 'string' &&
    /^[\w-]{1,64}$/.test(header.store) &&
    typeof header.revision === 'string' &&
    isCount(header.epochsBelow) &&
    isCount(header.running) &&
    isCount(header.schedules ?? 0) &&
    Array.isArray(header.queues) &&
    header.queues.every(
      (entry) =>
        typeof entry?.queue === 'string' &&
        RESTING_STATES.every((state) => isCount(entry.counts?.[state])) &&
        (['submitted', ...FINAL_STATES] as const).every((total) => isCount(entry.totals?.[total])),
    )
  if (!isWhole) throw notAnArchive(where)
  return header as Header
}

export function notAnArchive(where: string): ChasquiError {
  return new ChasquiError('ARCHIVE_INVALID', `${where} is not the header of a Chasqui archive`)
}

export function isTrailer(value: unknown): value is Trailer {
  const trailer = value as Partial<Trailer> | null
  return typeof trailer === 'object' && trailer?.end === true
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
