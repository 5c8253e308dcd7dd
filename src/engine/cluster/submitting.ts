/**
 * Tasks come in: the calls of a turn become one statement, whose commit is their confirmation; the hints follow at once, and nobody waits for them.
 *
 * Flow: large values out → lanes → dedupe keys → statement → receipts → hints. What the statement does not return was there before, and is
 * compared. Invariant: nobody is answered before the commit.
 */

import { ChasquiError } from '../../task/errors.ts'
import type { TaskState } from '../../task/lifecycle.ts'
import {
  DEDUPE_WINDOW_MS_DEFAULT,
  LEDGER_BATCH_TASKS_MAX,
  PENDING_BYTES_MAX,
  PENDING_TASKS_MAX,
  RETRY_AFTER_MS,
} from '../../task/limits.ts'
import { PLAIN_QUEUE, withDefaults } from '../../task/queue.ts'
import type { Receipt, Refusal, Submission } from '../../task/task.ts'
import { isSameContent } from '../content.ts'
import { Backlog, type BacklogLimits } from './backlog.ts'
import type { Core } from './core.ts'
import type { Waiting } from './hints.ts'
import { isPlain, texts } from './ledger/columns.ts'
import { FIND_WITH_DATA, KNOWN, readTask, type TaskRow } from './ledger/look-statements.ts'
import { DEDUPE_HOLDER, HOLD_DEDUPE } from './ledger/member-statements.ts'
import { STATE_OF_NUMBER } from './ledger/schema.ts'
import type { Parameter, Row, Session } from './ledger/session.ts'
import { readAccepted, SUBMIT, submitParameters } from './ledger/submit-statement.ts'
import type { Publisher } from './publisher.ts'
import { laneOf } from './steering.ts'

type Answer = Receipt | Refusal

/** Beside the connections for submissions, of which each counts in a slot of its own. */
const CAREFUL_SLOT = 8

/** One submission on its way, with the place of its answer. */
interface Item {
  /** As it was given, and with the defaults of its queue. */
  readonly given: Submission
  readonly submission: Submission
  readonly dataText: string
  readonly dataRef: string
  readonly optionsText: string
  readonly call: Call
  readonly index: number
}

interface Call {
  readonly answers: (Answer | undefined)[]
  open: number
  readonly resolve: (answers: readonly Answer[]) => void
  readonly reject: (error: unknown) => void
}

export class Submitting {
  readonly #core: Core
  readonly #publisher: Publisher
  readonly #backlog: Backlog
  /** Told when something falls due that was not known before. */
  readonly #onScheduled: (runAtMs: number) => void
  #waiting: Item[] = []
  readonly #idle: { session: Session; slot: number }[]
  /** Calls of which tasks are being written: the last of each batch, for only that can go on in the next. */
  readonly #running = new Set<Call>()
  #planned = false
  #tasks = 0
  #length = 0
  /** Calls that are not answered. */
  inFlight = 0

  constructor(core: Core, publisher: Publisher, limits: BacklogLimits, onScheduled: (atMs: number) => void) {
    this.#core = core
    this.#publisher = publisher
    this.#backlog = new Backlog(core, limits)
    this.#onScheduled = onScheduled
    this.#idle = core.ledger.submit.map((session, index) => ({ session, slot: index }))
  }

  async submit(batch: readonly Submission[]): Promise<readonly Answer[]> {
    if (batch.length === 0) return []
    const length = batch.reduce((sum, { dataText }) => sum + dataText.length, 0)
    if (this.#tasks >= PENDING_TASKS_MAX || this.#length >= PENDING_BYTES_MAX) {
      throw new ChasquiError('RETRY_AFTER', `${this.#tasks} tasks wait for their commit`, {
        retryAfterMs: RETRY_AFTER_MS,
      })
    }
    this.#tasks += batch.length
    this.#length += length
    this.inFlight++
    try {
      return await this.#enter(batch)
    } finally {
      this.#tasks -= batch.length
      this.#length -= length
      this.inFlight--
    }
  }

  #enter(batch: readonly Submission[]): Promise<readonly Answer[]> {
    if (batch.some(({ dataText }) => this.#core.values.isLarge(dataText))) return this.#enterLarge(batch)
    return this.#queue(batch, null)
  }

  async #enterLarge(batch: readonly Submission[]): Promise<readonly Answer[]> {
    const stored = await Promise.all(
      batch.map(({ id, dataText }) => this.#core.values.store('data', id, dataText)),
    )
    const answers = await this.#queue(batch, stored)
    // What was refused, or was there before under another reference, leaves nothing behind.
    const orphans = stored.filter(({ ref }, index) => ref !== '' && 'refused' in answers[index]!)
    void this.#core.values.remove(orphans.map(({ ref }) => ref))
    return answers
  }

  #queue(
    batch: readonly Submission[],
    stored: readonly { text: string; ref: string }[] | null,
  ): Promise<readonly Answer[]> {
    return new Promise((resolve, reject) => {
      const call: Call = { answers: new Array(batch.length), open: batch.length, resolve, reject }
      const nowMs = this.#core.nowMs()
      for (const [index, given] of batch.entries()) {
        const settings = this.#core.queues.of(given.queue)
        const submission = settings === PLAIN_QUEUE ? given : withDefaults(given, settings, nowMs)
        this.#waiting.push({
          given,
          submission,
          dataText: stored === null ? submission.dataText : stored[index]!.text,
          dataRef: stored === null ? '' : stored[index]!.ref,
          optionsText: submission.options === null ? '' : JSON.stringify(submission.options),
          call,
          index,
        })
      }
      this.#plan()
    })
  }

  #plan(): void {
    if (this.#planned || this.#idle.length === 0 || this.#waiting.length === 0) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      while (this.#idle.length > 0 && this.#waiting.length > 0) {
        // The rest of a call that is under way waits for it: its tasks are accepted in their order.
        if (this.#running.has(this.#waiting[0]!.call)) return
        const items = this.#waiting.slice(0, LEDGER_BATCH_TASKS_MAX)
        this.#waiting = this.#waiting.slice(LEDGER_BATCH_TASKS_MAX)
        const last = items[items.length - 1]!.call
        this.#running.add(last)
        const lane = this.#idle.pop()!
        void this.#run(items, lane.session, lane.slot).finally(() => {
          this.#running.delete(last)
          this.#idle.push(lane)
          this.#plan()
        })
      }
    })
  }

  async #run(items: readonly Item[], session: Session, connection: number): Promise<void> {
    try {
      const missing = items.filter(({ submission }) => this.#core.lanes.find(submission) === undefined)
      if (missing.length > 0) {
        await this.#core.lanes.ensure(missing.map(({ submission }) => submission))
        this.#core.news.sendLanes()
      }
      const looking = this.#backlog.look()
      if (looking !== null) await looking
      const refused: { item: Item; refusal: Refusal }[] = []
      const rest = items.filter((item) => {
        if (!this.#checkText(item)) return false
        const refusal = this.#backlog.enter(item.submission)
        if (refusal !== null) refused.push({ item, refusal })
        return refusal === null
      })
      if (refused.length > 0) await this.#refuse(refused)
      if (rest.length === 0) return
      if (rest.some(({ submission }) => submission.options?.dedupeKey !== undefined))
        await this.#insertCarefully(rest)
      else await this.#insert(rest, session, connection)
    } catch (error) {
      for (const { call } of items) call.reject(error)
    }
  }

  #checkText(item: Item): boolean {
    if (isPlain(item.submission.id) && isPlain(item.optionsText)) return true
    const message = 'ids must not contain control characters'
    answer(item, { id: item.submission.id, refused: { code: 'INVALID_PARAMS', message } })
    return false
  }

  /** What was accepted before is not refused for want of room. */
  async #refuse(refused: readonly { item: Item; refusal: Refusal }[]): Promise<void> {
    const ids = texts(refused.map(({ item }) => item.submission.id))
    const known = new Set((await this.#core.ledger.look.repeat(KNOWN, [ids])).map(([id]) => id))
    const { there = [], others = [] } = Object.groupBy(refused, ({ item }) =>
      known.has(item.submission.id) ? 'there' : 'others',
    )
    for (const { item, refusal } of others) answer(item, refusal)
    if (there.length > 0) await this.#compare(there.map(({ item }) => item))
  }

  #parameters(
    items: readonly Item[],
    nowMs: number,
    doneOutbox: readonly number[],
    connection: number,
  ): Parameter[] {
    const core = this.#core
    const tasks = items.map(({ submission, dataText, dataRef, optionsText }) => ({
      id: submission.id,
      lane: core.lanes.find(submission)!.no,
      runAtMs: submission.runAtMs,
      expiresAtMs: submission.options?.expiresAtMs ?? 0,
      dataText,
      dataRef,
      optionsText,
    }))
    return submitParameters(tasks, nowMs, doneOutbox, core.slot(connection), core.member)
  }

  async #insert(items: readonly Item[], session: Session, connection: number): Promise<void> {
    const nowMs = this.#core.nowMs()
    const done = this.#publisher.takeDone()
    let rows: readonly Row[]
    try {
      rows = await session.repeat(SUBMIT, this.#parameters(items, nowMs, done, connection))
    } catch (error) {
      this.#publisher.undone(done)
      throw error
    }
    const { accepted, outbox } = readAccepted(rows)
    if (accepted.length === items.length) {
      await this.#confirm(
        items,
        nowMs,
        accepted.map(({ seq }) => seq),
        outbox,
      )
      return
    }
    const seqs = new Map(accepted.map(({ id, seq }) => [id, seq]))
    const fresh: Item[] = []
    const freshSeqs: number[] = []
    const known: Item[] = []
    for (const item of items) {
      const { id } = item.submission
      const seq = seqs.get(id)
      if (seq === undefined) known.push(item)
      else {
        // The same id again in this batch is a duplicate of its first.
        seqs.delete(id)
        fresh.push(item)
        freshSeqs.push(seq)
      }
    }
    await this.#confirm(fresh, nowMs, freshSeqs, outbox)
    await this.#compare(known)
  }

  /** These are in the ledger now. */
  async #confirm(
    items: readonly Item[],
    nowMs: number,
    seqs: readonly number[],
    outbox: number | null,
  ): Promise<void> {
    const core = this.#core
    const waiting: Waiting[] = []
    let earliestMs = Number.POSITIVE_INFINITY
    for (const [index, item] of items.entries()) {
      const { id, runAtMs, options } = item.submission
      const lane = core.lanes.find(item.submission)!
      const scheduled = runAtMs > nowMs
      const state = scheduled ? 'scheduled' : 'queued'
      if (scheduled && runAtMs < earliestMs) earliestMs = runAtMs
      if (!scheduled) waiting.push({ seq: seqs[index]!, lane, runAtMs: nowMs, alone: false })
      if (options?.expiresAtMs !== undefined && options.expiresAtMs < earliestMs)
        earliestMs = options.expiresAtMs
      core.tell(id, lane, state, 0)
      answer(item, { id, state, duplicate: false, durability: 'disk' })
    }
    if (outbox !== null) void this.#publisher.publish(waiting, outbox)
    if (earliestMs < Number.POSITIVE_INFINITY) this.#onScheduled(earliestMs)
  }

  /** Ids that were there before: the same task, or a conflict. */
  async #compare(items: readonly Item[]): Promise<void> {
    const { ledger, values } = this.#core
    const ids = texts([...new Set(items.map(({ submission }) => submission.id))])
    const rows = new Map(
      (await ledger.look.repeat(FIND_WITH_DATA, [ids])).map(readTask).map((row) => [row.id, row]),
    )
    for (const item of items) {
      const { given: submission, dataRef } = item
      const row = rows.get(submission.id)
      // Purged in this very moment: it may be submitted again.
      if (row === undefined) {
        const message = `task ${submission.id} was just removed`
        answer(item, {
          id: submission.id,
          refused: { code: 'RETRY_AFTER', message, retryAfterMs: RETRY_AFTER_MS },
        })
        continue
      }
      const { type, queue, priority } = await laneOf(this.#core, row.laneNo)
      const sameRef = row.dataRef !== null && row.dataRef === dataRef
      const dataText = sameRef ? submission.dataText : (await values.load(row.dataText, row.dataRef))!
      const same = isSameContent(submission, { type, queue, priority, dataText, options: row.options })
      answer(item, same ? duplicateOf(row) : conflictWith(row))
    }
  }

  /** With dedupe keys: who holds a key is decided, and its task written, in one transaction; one after the other. */
  async #insertCarefully(items: readonly Item[]): Promise<void> {
    const core = this.#core
    const nowMs = core.nowMs()
    const results = await core.ledger.careful.transact(async (query) => {
      const accepted: { item: Item; seq: number; outbox: number | null }[] = []
      const known: Item[] = []
      const held: { item: Item; receipt: Receipt }[] = []
      const insert = async (item: Item) => {
        const { accepted: fresh, outbox } = readAccepted(
          await query(SUBMIT.text, this.#parameters([item], nowMs, [], CAREFUL_SLOT)),
        )
        if (fresh.length === 0) known.push(item)
        else accepted.push({ item, seq: fresh[0]!.seq, outbox })
      }
      for (const item of items) {
        const { id, queue, options } = item.submission
        const key = options?.dedupeKey
        if (key !== undefined && (await query('select 1 from task where id = $1', [id])).length === 0) {
          const untilMs = nowMs + (options?.dedupeWindowMs ?? DEDUPE_WINDOW_MS_DEFAULT)
          if ((await query(HOLD_DEDUPE, [queue, key, id, untilMs, nowMs])).length === 0) {
            const [holder] = await query(DEDUPE_HOLDER, [queue, key])
            // Purged in this very moment.
            if (holder === undefined)
              throw new ChasquiError('RETRY_AFTER', `the holder of key ${key} was just removed`)
            const state = STATE_OF_NUMBER[holder[1] as number] as TaskState
            held.push({
              item,
              receipt: { id: holder[0] as string, state, duplicate: true, durability: 'disk' },
            })
            continue
          }
        }
        await insert(item)
      }
      return { accepted, known, held }
    })
    for (const { item, receipt } of results.held) answer(item, receipt)
    for (const { item, seq, outbox } of results.accepted) await this.#confirm([item], nowMs, [seq], outbox)
    if (results.known.length > 0) await this.#compare(results.known)
  }
}

function answer(item: Item, value: Answer): void {
  const { call } = item
  call.answers[item.index] = value
  if (--call.open === 0) call.resolve(call.answers as Answer[])
}

function duplicateOf(row: TaskRow): Receipt {
  return { id: row.id, state: row.state, duplicate: true, durability: 'disk' }
}

function conflictWith(row: TaskRow): Refusal {
  return {
    id: row.id,
    refused: {
      code: 'ID_CONFLICT',
      message: `task ${row.id} exists with other content (state ${row.state})`,
    },
  }
}
