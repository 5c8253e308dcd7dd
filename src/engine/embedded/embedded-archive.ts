/**
 * The archive of an embedded store: opens the file as its only owner, without an engine, and reads or writes pages of tasks, a
 * transaction a page.
 *
 * Invariant: counts and rows change in the same transaction, so that an engine that opens the store later finds them agree.
 */

import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ChasquiError } from '../../task/errors.ts'
import { CRON_LIST_MAX } from '../../task/limits.ts'
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
import { ArchiveRows } from './archive-rows.ts'
import { writeArchived } from './archive-write.ts'
import { Counts } from './counts.ts'
import { EPOCHS_PER_BOOT } from './heart.ts'
import { makeFolder, type Ownership, takeOwnership } from './ownership.ts'
import { STATE_OF_NUMBER } from './schema.ts'
import { openCompleteStore, openStore, STORE_FILE, type Store } from './store.ts'

export interface EmbeddedArchiveOptions {
  readonly dir: string
  /** Only read: a store that is not there, or half imported, is refused. Otherwise it is made, or goes on to be filled. */
  readonly readOnly: boolean
}

/** Throws STORE_LOCKED, STORE_VERSION, STORE_INCOMPLETE or CONFIG_INVALID. */
export async function openEmbeddedArchive({ dir, readOnly }: EmbeddedArchiveOptions): Promise<Archive> {
  const path = join(dir, STORE_FILE)
  if (!readOnly) makeFolder(dir)
  else if (!existsSync(path)) throw new ChasquiError('CONFIG_INVALID', `there is no store in ${dir}`)
  const ownership = takeOwnership(dir)
  try {
    return new EmbeddedArchive(readOnly ? openCompleteStore(path) : openStore(path), ownership)
  } catch (error) {
    ownership.release()
    throw error
  }
}

class EmbeddedArchive implements Archive {
  readonly kind = 'embedded'
  readonly #store: Store
  readonly #rows: ArchiveRows
  readonly #ownership: Ownership
  readonly #counts = new Counts()
  /** Queues of the tasks that a lease names, one entry a task. */
  readonly #leased: number[] = []
  #nextSeq: number
  #closed = false

  constructor(store: Store, ownership: Ownership) {
    this.#store = store
    this.#ownership = ownership
    this.#rows = new ArchiveRows(store.sql)
    store.sql.checkpointInline()
    // A lease may name tasks that were purged; their numbers must not be given to others.
    this.#nextSeq = store.counts.lastSeq() + 1
    for (const { seqs } of store.leases.readLeases()) {
      for (const seq of seqs) {
        const row = store.look.findSeq(seq)
        if (row?.place === 'ready') this.#leased.push(row.queueNo)
        if (seq >= this.#nextSeq) this.#nextSeq = seq + 1
      }
    }
    this.#counts.load(store, this.#leased)
  }

  async survey(): Promise<Survey> {
    const { imports, sql } = this.#store
    const found = new Map<number, Record<RestingState, number>>()
    for (const { queueNo, stateNumber, count } of this.#rows.count()) {
      let counts = found.get(queueNo)
      if (counts === undefined) {
        counts = { scheduled: 0, queued: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 }
        found.set(queueNo, counts)
      }
      const state =
        stateNumber === null
          ? 'queued'
          : stateNumber === 'scheduled'
            ? 'scheduled'
            : STATE_OF_NUMBER[stateNumber as keyof typeof STATE_OF_NUMBER]
      counts[state] += count
    }
    sql.begin(true)
    const store = imports.storeName(randomUUID)
    sql.commit()
    const boot = imports.boot()
    return {
      store,
      schedules: this.#store.schedules.count(),
      epochsBelow: (boot + 1) * EPOCHS_PER_BOOT,
      revision: String(boot),
      running: this.#leased.length,
      queues: [...this.#counts.byQueue].map(
        ([queueNo, { totals }]): QueueSurvey => ({
          queue: this.#store.names.nameOf(queueNo),
          counts: found.get(queueNo) ?? NO_TASKS,
          totals: { ...totals },
        }),
      ),
    }
  }

  async read(afterId: string | null): Promise<readonly ArchivedTask[]> {
    const afterSeq = afterId === null ? 0 : this.#rows.seqOf(afterId)
    if (afterSeq === null) throw new ChasquiError('TASK_UNKNOWN', `there is no task ${afterId}`)
    return readArchivePage(this.#store, this.#rows, afterSeq)
  }

  async begin({ store, epochsBelow }: Source): Promise<void> {
    this.#transact(() => {
      const { imports } = this.#store
      imports.markImport(store)
      // Counted up in any case, so that `revision` tells of it.
      imports.setBoot(Math.max(imports.boot() + 1, Math.ceil(epochsBelow / EPOCHS_PER_BOOT)))
    })
  }

  async write(batch: readonly ArchivedTask[]): Promise<readonly Writing[]> {
    return this.#transact(() =>
      batch.map((task) => {
        const writing = writeArchived(this.#store, this.#rows, this.#counts, task, this.#nextSeq)
        if (writing === 'written') this.#nextSeq++
        return writing
      }),
    )
  }

  async readSchedules(afterName: string | null): Promise<readonly ScheduleRow[]> {
    return this.#store.schedules.page(afterName, CRON_LIST_MAX)
  }

  async writeSchedules(batch: readonly ScheduleRow[]): Promise<readonly boolean[]> {
    return this.#transact(() => batch.map((row) => this.#store.schedules.write({ ...row, version: 0 })))
  }

  async finish({ store }: Source, purged: ReadonlyMap<string, Totals>): Promise<void> {
    this.#transact(() => {
      const { imports, names } = this.#store
      const text = imports.taken(store)
      const taken = text === null ? {} : (JSON.parse(text) as Record<string, Totals>)
      for (const [queue, totals] of purged) {
        const before = taken[queue]
        const queueNo = names.numberOf(queue)
        for (const [name, count] of Object.entries(totals) as [keyof Totals, number][]) {
          const more = count - (before?.[name] ?? 0)
          if (more > 0) this.#counts.add(queueNo, name, more)
        }
      }
      imports.setTaken(store, JSON.stringify({ ...taken, ...Object.fromEntries(purged) }))
      imports.unmarkImport(store)
    })
  }

  async settleFor(): Promise<number> {
    return this.#transact(() => {
      const { imports } = this.#store
      const stores = imports.halfImported()
      for (const store of stores) imports.unmarkImport(store)
      return stores.length
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#store.sql.close()
    this.#ownership.release()
  }

  #transact<T>(work: () => T): T {
    const { sql, names } = this.#store
    try {
      sql.begin(true)
      const answer = work()
      this.#counts.save(this.#store)
      sql.commit()
      return answer
    } catch (cause) {
      sql.rollback()
      names.reloadNames()
      this.#counts.load(this.#store, this.#leased)
      if (cause instanceof ChasquiError) throw cause
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new ChasquiError('STORE_FAILED', `the store could not write: ${why}`, { cause })
    }
  }
}

const NO_TASKS: StateCounts = { scheduled: 0, queued: 0, succeeded: 0, failed: 0, canceled: 0, expired: 0 }
