/**
 * The archive of a cluster: PostgreSQL alone, for RabbitMQ holds nothing but hints. Imported queued tasks leave hints to be published, as a
 * member would that ends right after its commit: the keeper of the next engine that opens finds and publishes them.
 *
 * Invariant: it is alone with the ledger (ledger/presence.ts) while its connection holds; when that breaks, everything after it fails.
 */

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { ClaimCheck } from '../../objects/claims/claim-check.ts'
import type { ObjectStore } from '../../objects/object-store.ts'
import { systemClock } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import {
  ARCHIVE_STATEMENT_MS,
  CRON_LIST_MAX,
  PRIORITY_DEFAULT,
  VALUE_INLINE_LENGTH_MAX,
} from '../../task/limits.ts'
import type {
  Archive,
  ArchivedTask,
  QueueSurvey,
  RestingState,
  Source,
  StateCounts,
  Survey,
  Totals,
  Writing,
} from '../archive.ts'
import type { ScheduleRow } from '../cron.ts'
import { readArchivePage } from './archive-read.ts'
import { type Arrival, writeArchived } from './archive-write.ts'
import {
  ADD_LANE,
  ADD_TOTALS,
  COUNT_ROWS,
  EPOCHS_BELOW,
  FORGET_META,
  LANE_OF_QUEUE,
  MEMBERS,
  READ_META,
  REVISION,
  SEQ_OF,
  WRITE_META,
} from './ledger/archive-statements.ts'
import { MEMBERS_PER_EPOCH } from './ledger/claim-statement.ts'
import { parseDatabaseUrl } from './ledger/database-url.ts'
import { COUNTS } from './ledger/look-statements.ts'
import { JOIN, LEAVE } from './ledger/member-statements.ts'
import { migrate, requireVersion } from './ledger/migrate.ts'
import { BE_ALONE, HALF_IMPORTED, IMPORTING, requireWhole } from './ledger/presence.ts'
import { COUNT_SCHEDULES, PAGE_SCHEDULES, WRITE_SCHEDULES } from './ledger/schedule-statements.ts'
import { STATE_OF_NUMBER } from './ledger/schema.ts'
import { type Parameter, type Row, Session } from './ledger/session.ts'
import { readScheduleRow, writeParameters } from './schedule-store.ts'
import { Values } from './values.ts'

export interface ClusterArchiveOptions {
  readonly databaseUrl: string
  /** Only read: a ledger that is half imported is refused, and none is made. */
  readonly readOnly: boolean
  /** Where large values are. The caller closes it, after the archive. */
  readonly objects?: ObjectStore
  /** Characters of a value from which it goes there. */
  readonly objectsAboveLength?: number
}

/** Rejects with STORE_LOCKED, STORE_VERSION, STORE_INCOMPLETE, CONFIG_INVALID or STORE_FAILED, with nothing left open. */
export async function openClusterArchive(options: ClusterArchiveOptions): Promise<Archive> {
  const archive = new ClusterArchive(options)
  try {
    await archive.open(options.readOnly)
    return archive
  } catch (error) {
    await archive.close()
    throw error
  }
}

const TAKEN = 'taken '
/** As an engine counts, with the first of its slots. */
const SLOTS_PER_MEMBER = 16

class ClusterArchive implements Archive {
  readonly kind = 'cluster'
  readonly #session: Session
  readonly #values: Values
  readonly #lanes = new Map<string, number>()
  #arrival: Arrival | null = null
  #lost: unknown = null

  constructor({ databaseUrl, objects, objectsAboveLength }: ClusterArchiveOptions) {
    this.#session = new Session({
      targets: parseDatabaseUrl(databaseUrl),
      applicationName: `chasqui archive ${hostname()} ${process.pid}`,
      statementTimeoutMs: ARCHIVE_STATEMENT_MS,
      // The lock went with the connection; another one has none.
      onDown: (error) => {
        this.#lost ??= error
      },
    })
    // A value that cannot be put there stays in its row, as ever.
    this.#values = new Values(
      objects === undefined ? null : new ClaimCheck(objects, systemClock),
      objectsAboveLength ?? VALUE_INLINE_LENGTH_MAX,
      () => undefined,
    )
  }

  async open(readOnly: boolean): Promise<void> {
    await this.#session.open()
    if (readOnly) await requireVersion(this.#session)
    else await migrate(this.#session)
    const [alone] = await this.#query(BE_ALONE)
    if (alone![0] !== true) {
      const members = (await this.#query(MEMBERS)).map(([name]) => name).join(', ')
      const who = members === '' ? 'another import or export' : members
      throw new ChasquiError(
        'STORE_LOCKED',
        `the cluster is in use by ${who}: stop every distributor and worker on it first`,
      )
    }
    if (readOnly) await requireWhole(this.#session)
  }

  async survey(): Promise<Survey> {
    const found = new Map<string, Record<RestingState, number>>()
    let running = 0
    for (const [queue, stateNumber, count] of (await this.#query(COUNT_ROWS)) as [string, number, number][]) {
      const counts = found.get(queue) ?? { ...NO_TASKS }
      found.set(queue, counts)
      const state = STATE_OF_NUMBER[stateNumber]!
      if (state === 'running') running += count
      counts[state === 'running' ? 'queued' : (state as RestingState)] += count
    }
    const [[epochsBelow], [revision]] = [await this.#row(EPOCHS_BELOW), await this.#row(REVISION)]
    const queues = (await this.#query(COUNTS.text)).map((row): QueueSurvey => {
      const [queue, submitted, , , succeeded, failed, canceled, expired] = row as [string, ...number[]] as [
        string,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ]
      const totals = { submitted, succeeded, failed, canceled, expired }
      return { queue, counts: found.get(queue) ?? NO_TASKS, totals }
    })
    const schedules = (await this.#row(COUNT_SCHEDULES.text))[0] as number
    return {
      store: await this.#storeName(),
      schedules,
      epochsBelow: epochsBelow as number,
      revision: String(revision),
      running,
      queues,
    }
  }

  async read(afterId: string | null): Promise<readonly ArchivedTask[]> {
    const [row] = afterId === null ? [[0]] : await this.#query(SEQ_OF, [afterId])
    if (row === undefined) throw new ChasquiError('TASK_UNKNOWN', `there is no task ${afterId}`)
    return readArchivePage(this.#query, this.#values, row[0] as number)
  }

  async begin({ store, epochsBelow }: Source): Promise<void> {
    await this.#query(WRITE_META, [IMPORTING + store, ''])
    const nowMs = Date.now()
    const [row] = await this.#query(JOIN.text, [`import of ${store}`, nowMs])
    const member = row![0] as number
    // Gone from the beginning, so that whoever opens next takes its hints over, however far it came.
    await this.#query(LEAVE.text, [member, nowMs])
    this.#arrival = {
      query: this.#query,
      values: this.#values,
      lanes: this.#lanes,
      member,
      slot: member * SLOTS_PER_MEMBER,
      epoch: Math.ceil(epochsBelow / MEMBERS_PER_EPOCH) * MEMBERS_PER_EPOCH,
    }
  }

  async write(batch: readonly ArchivedTask[]): Promise<readonly Writing[]> {
    if (this.#arrival === null) throw new Error('bug: written before begin')
    return writeArchived(this.#arrival, batch)
  }

  async readSchedules(afterName: string | null): Promise<readonly ScheduleRow[]> {
    return (await this.#query(PAGE_SCHEDULES.text, [afterName ?? '', CRON_LIST_MAX])).map(readScheduleRow)
  }

  async writeSchedules(batch: readonly ScheduleRow[]): Promise<readonly boolean[]> {
    const rows = batch.map((row) => ({ ...row, version: 0 }))
    const kept = new Set(
      (await this.#query(WRITE_SCHEDULES.text, writeParameters(rows))).map(([name]) => name),
    )
    return rows.map(({ name }) => kept.has(name))
  }

  async finish({ store }: Source, purged: ReadonlyMap<string, Totals>): Promise<void> {
    const [row] = await this.#query(READ_META, [TAKEN + store])
    const taken = row === undefined ? {} : (JSON.parse(row[0] as string) as Record<string, Totals>)
    await this.#query('begin')
    for (const [queue, totals] of purged) {
      const more = (name: keyof Totals) => Math.max(0, totals[name] - (taken[queue]?.[name] ?? 0))
      const counts = [more('submitted'), more('succeeded'), more('failed'), more('canceled'), more('expired')]
      if (counts.every((count) => count === 0)) continue
      const [known] = await this.#query(LANE_OF_QUEUE, [queue])
      const lane = known ?? (await this.#row(ADD_LANE, [queue, '', PRIORITY_DEFAULT]))
      await this.#query(ADD_TOTALS, [lane[0] as number, this.#arrival!.slot, ...counts])
    }
    await this.#query(WRITE_META, [
      TAKEN + store,
      JSON.stringify({ ...taken, ...Object.fromEntries(purged) }),
    ])
    await this.#query(FORGET_META, [IMPORTING + store])
    await this.#query('commit')
  }

  async settleFor(): Promise<number> {
    const marks = await this.#query(HALF_IMPORTED)
    for (const [name] of marks) await this.#query(FORGET_META, [name as string])
    return marks.length
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  async #storeName(): Promise<string> {
    const [row] = await this.#query(READ_META, ['store'])
    if (row !== undefined) return row[0] as string
    const name = randomUUID()
    await this.#query(WRITE_META, ['store', name])
    return name
  }

  async #row(text: string, values?: readonly Parameter[]): Promise<Row> {
    return (await this.#query(text, values))[0]!
  }

  /** Once, on the connection that has the lock. */
  readonly #query = async (text: string, values?: readonly Parameter[]): Promise<Row[]> => {
    try {
      if (this.#lost !== null) throw this.#lost
      return await this.#session.query(text, values)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new ChasquiError('STORE_FAILED', `PostgreSQL: ${why}`, { cause })
    }
  }
}

const NO_TASKS: StateCounts = { scheduled: 0, queued: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 }
