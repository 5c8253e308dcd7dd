/**
 * Leases of this member go on and end without a settle: renewed, taken over from elsewhere, reported on, lapsed.
 *
 * Renewing is a matter of this process's memory; that the process itself lives is what its member row says. A lease that is not known here is looked
 * for in the ledger: its worker has come from another process, and the lease changes hands in one statement.
 */

import type { Timer } from '../../task/clock.ts'
import { ChasquiError } from '../../task/errors.ts'
import { LAPSE_CHECK_MS, NOTE_LENGTH_MAX, RECONNECT_MIN_MS, VALUE_RETRY_MS } from '../../task/limits.ts'
import type { Lease } from '../../task/outcome.ts'
import type { Progress } from '../../task/task.ts'
import type { LeaseAnswer, Report } from '../engine.ts'
import { LOG_LEVEL_NAMES, numberLines } from '../log-lines.ts'
import { workerLost } from '../worker-lost.ts'
import { type Core, runsAlone } from './core.ts'
import { isPlain, numbers, texts } from './ledger/columns.ts'
import { DELETE_CLAIMS, LOST_CLAIMS } from './ledger/keeper-statements.ts'
import { FIND, LOG_ADD, LOG_LAST, OTHER_EPOCHS, readTask } from './ledger/look-statements.ts'
import { ADOPT, HELD_ELSEWHERE } from './ledger/member-statements.ts'
import { STATE_NUMBER } from './ledger/schema.ts'
import type { Held, Seat } from './seat.ts'
import type { Settling } from './settling.ts'
import { laneOf, revokeHere } from './steering.ts'

export class Holding {
  readonly #core: Core
  readonly #settling: Settling
  readonly #wake: () => void
  #timer: Timer | null = null
  #nextMs = Number.POSITIVE_INFINITY
  #finding: Promise<void> | null = null
  #losing: Promise<void> | null = null
  #busy = 0
  #closed = false

  constructor(core: Core, settling: Settling, wake: () => void) {
    this.#core = core
    this.#settling = settling
    this.#wake = wake
  }

  get isBusy(): boolean {
    return this.#busy > 0 || this.#finding !== null || this.#losing !== null
  }

  // ---- going on ---------------------------------------------------------------------------------------------

  async extend(leases: readonly Lease[], consumer: string | undefined): Promise<readonly LeaseAnswer[]> {
    const core = this.#core
    const seat = core.ring.seats.find((one) => one.id === consumer)
    const untilMs = core.nowMs() + core.settings.leaseMs
    const strangers = leases.filter((lease) => core.leases.find(lease) === undefined)
    if (strangers.length > 0) await this.#takeOver(strangers, seat ?? null)
    const answers = leases.map((lease) => {
      const held = core.leases.find(lease)
      if (held === undefined) return { id: lease.id, accepted: false }
      held.untilMs = untilMs
      if (seat !== undefined && held.seat !== seat) {
        core.leases.adopt(held, seat)
        // It ran alone where it comes from.
        if (runsAlone(held)) seat.alone = true
        void this.#recordWorker(held)
      }
      return { id: lease.id, accepted: true }
    })
    this.watch(untilMs)
    this.#wake()
    return answers
  }

  /** Who runs it now: for people, so nobody waits for it. */
  async #recordWorker(held: Held): Promise<void> {
    this.#busy++
    try {
      await this.#core.ledger.look.repeat(WORKER_OF, [held.seq, held.epoch, held.workerNo])
    } catch {
      // The row names the worker before; nothing depends on it.
    } finally {
      this.#busy--
    }
  }

  async #takeOver(leases: readonly Lease[], seat: Seat | null): Promise<void> {
    const core = this.#core
    const epochs = new Map(leases.map(({ id, epoch }) => [id, epoch]))
    const rows = await core.ledger.look.repeat(FIND, [texts([...epochs.keys()].filter(isPlain))])
    const found = rows
      .map(readTask)
      .filter((row) => row.state === 'running' && epochs.get(row.id) === row.epoch)
    if (found.length === 0) return
    const nowMs = core.nowMs()
    const adopted = await core.ledger.careful.repeat(ADOPT, [
      numbers(found.map(({ seq }) => seq)),
      numbers(found.map(({ epoch }) => epoch)),
      seat === null ? '{}' : numbers(found.map(() => seat.workerNo)),
      core.member,
      nowMs,
    ])
    if (adopted.length === 0) return
    const claim = core.leases.newClaim(adopted[0]![1] as number, adopted.length)
    const seqs = new Set(adopted.map(([seq]) => seq))
    for (const row of found) {
      if (!seqs.has(row.seq)) continue
      const lane = await laneOf(core, row.laneNo)
      core.leases.grant({
        seq: row.seq,
        id: row.id,
        lane,
        epoch: row.epoch,
        failures: row.failures,
        crashes: row.crashes,
        runAtMs: row.runAtMs,
        options: row.options,
        startedAtMs: row.startedAtMs ?? nowMs,
        depth: 1,
        entry: null,
        claim,
        seat,
        workerNo: seat?.workerNo ?? 0,
        untilMs: nowMs + core.settings.leaseMs,
        progress: null,
        ghost: false,
      })
      if (seat !== null) {
        seat.held++
        if (runsAlone(row)) seat.alone = true
      }
    }
  }

  async report(reports: readonly Report[]): Promise<readonly LeaseAnswer[]> {
    const answers: LeaseAnswer[] = []
    for (const report of reports) {
      let held = this.#core.leases.find(report)
      if (held === undefined) {
        await this.#takeOver([report], null)
        held = this.#core.leases.find(report)
      }
      if (held === undefined) {
        answers.push({ id: report.id, accepted: false })
        continue
      }
      if ('progress' in report) this.#noteProgress(held, report.progress)
      else await this.#addLines(held, report.lines)
      answers.push({ id: report.id, accepted: true })
    }
    return answers
  }

  #noteProgress(held: Held, { done, total, note }: Progress): void {
    const progress =
      note === undefined ? { done, total } : { done, total, note: note.slice(0, NOTE_LENGTH_MAX) }
    held.progress = progress
    this.#core.tell(held.id, held.lane, 'running', held.failures + 1, { progress })
  }

  async #addLines(held: Held, added: Extract<Report, { lines: unknown }>['lines']): Promise<void> {
    const { ledger } = this.#core
    const [last] = await ledger.look.repeat(LOG_LAST, [held.seq])
    const attempt = held.failures + 1
    const plain = added.map((line) => ({ ...line, text: storable(line.text) }))
    const lines = numberLines(last![0] as number, attempt, plain)
    if (lines.length === 0) return
    await ledger.look.repeat(LOG_ADD, [
      held.seq,
      attempt,
      numbers(lines.map((line) => line.number)),
      numbers(lines.map((line) => line.atMs)),
      numbers(lines.map((line) => LOG_LEVEL_NAMES.indexOf(line.level))),
      texts(lines.map((line) => line.text)),
    ])
    this.#core.tell(held.id, held.lane, 'running', attempt, { lines })
  }

  // ---- ending -----------------------------------------------------------------------------------------------

  /** Back to the queue with nothing used up: nobody here can run them. */
  release(leases: readonly Held[]): void {
    for (const held of leases) {
      const outcome = { id: held.id, epoch: held.epoch, kind: 'released' } as const
      this.#settling.conclude(outcome, held, held, false).catch(() => undefined)
    }
  }

  /** Its value is in an object store that does not give it: later, with nothing used up. What it gave is not what was put, or nothing: never. */
  putOff(held: Held, error: unknown): void {
    const lease = { id: held.id, epoch: held.epoch }
    const isBroken = error instanceof ChasquiError && error.details?.isBroken === true
    const ending = isBroken
      ? this.#settling.conclude(
          { ...lease, kind: 'threw', error: { name: 'ValueLost', message: error.message }, retryable: false },
          held,
          held,
          false,
        )
      : this.#settling.conclude({ ...lease, kind: 'released' }, held, held, false, VALUE_RETRY_MS)
    ending.catch(() => undefined)
  }

  /** A lease ends at this time, if nobody renews it. */
  watch(untilMs: number): void {
    const earliestMs = Math.min(untilMs, this.#core.leases.earliestEndMs())
    if (earliestMs >= this.#nextMs || this.#closed) return
    this.#nextMs = earliestMs
    this.#timer?.cancel()
    this.#timer = this.#core.clock.at(earliestMs, () => {
      this.#timer = null
      this.#nextMs = Number.POSITIVE_INFINITY
      void this.#lapse().finally(() => {
        const nextMs = this.#core.leases.earliestEndMs()
        // Leases end at many different moments: look at them all at most this often.
        if (nextMs < Number.POSITIVE_INFINITY)
          this.watch(Math.max(nextMs, this.#core.nowMs() + LAPSE_CHECK_MS))
      })
    })
  }

  /** Leases that nobody renewed: their workers are taken for dead, unless they have gone to another member. */
  async #lapse(): Promise<void> {
    const core = this.#core
    const lapsed = core.leases.lapsed(core.nowMs())
    this.#wake()
    if (lapsed.length === 0) return
    this.#busy++
    try {
      const rows = await core.ledger.look.repeat(HELD_ELSEWHERE, [
        core.member,
        numbers(lapsed.map(({ seq }) => seq)),
        numbers(lapsed.map(({ epoch }) => epoch)),
      ])
      const elsewhere = new Set(rows.map(([seq]) => seq))
      await Promise.all(
        lapsed.map(async (held) => {
          if (held.untilMs > core.nowMs()) return
          if (elsewhere.has(held.seq)) {
            core.leases.end(held)
            return
          }
          const error = workerLost(held.seat?.request.worker)
          const { seat, id, epoch } = held
          core.lapses++
          await this.#settling.conclude({ id, epoch, kind: 'crashed', error }, held, held, false)
          core.revoke(seat, [{ id, epoch }])
        }),
      )
    } catch {
      // The database is down: they are looked at again.
    } finally {
      this.#busy--
      this.#wake()
    }
  }

  /** Others took this member for dead and everything from it: no lease of its is valid any more. */
  loseAll(): void {
    revokeHere(this.#core, [...this.#core.leases.byId.values()])
    this.#wake()
  }

  /** Tasks that the ledger gave to this member in an answer that was lost: back to their queues. */
  findLostClaims(): Promise<void> {
    this.#finding ??= this.#findLostClaims()
      .catch(() => {
        if (!this.#closed) setTimeout(() => void this.findLostClaims(), RECONNECT_MIN_MS).unref()
      })
      .finally(() => {
        this.#finding = null
      })
    return this.#finding
  }

  async #findLostClaims(): Promise<void> {
    const core = this.#core
    const known = [...core.leases.openClaims, ...core.leases.doneClaims]
    const rows = await core.ledger.claim.repeat(LOST_CLAIMS, [core.member, numbers(known)])
    const claims = new Set<number>()
    for (const row of rows) {
      const [claim, seq, id, epoch, failures, crashes, laneNo, runAtMs] = row as readonly [
        number,
        number,
        string,
        number,
        number,
        number,
        number,
        number,
      ]
      if (core.leases.openClaims.has(claim)) continue
      claims.add(claim)
      const lane = await laneOf(core, laneNo)
      const attempt = { seq, id, epoch, failures, crashes, lane, runAtMs, options: null }
      await this.#settling.conclude({ id, epoch, kind: 'released' }, attempt, null, false)
    }
    if (claims.size > 0) await core.ledger.look.repeat(DELETE_CLAIMS, [numbers([...claims])])
  }

  /**
   * Leases that this process holds and the ledger knows nothing of: a crash of PostgreSQL took their claims with it (they commit
   * asynchronously), or a failover did. Their workers are told to stop; the tasks wait, and somebody must hear of it.
   */
  findLostLeases(): Promise<void> {
    this.#losing ??= this.#findLostLeases()
      .catch(() => {
        if (!this.#closed) setTimeout(() => void this.findLostLeases(), RECONNECT_MIN_MS).unref()
      })
      .finally(() => {
        this.#losing = null
      })
    return this.#losing
  }

  async #findLostLeases(): Promise<void> {
    const { leases, ledger } = this.#core
    const all = [...leases.byId.values()]
    if (all.length === 0) return
    const rows = await ledger.look.repeat<[number, number, number]>(OTHER_EPOCHS, [
      numbers(all.map(({ seq }) => seq)),
      numbers(all.map(({ epoch }) => epoch)),
    ])
    const bySeq = new Map(rows.map((row) => [row[0], row]))
    const lost = all.filter((held) => bySeq.has(held.seq) && leases.find(held) === held)
    // Its own hint is acked with the lease.
    await this.#settling.hintAgain(lost.filter(({ seq }) => bySeq.get(seq)![1] === STATE_NUMBER.queued))
    revokeHere(this.#core, lost)
    this.#wake()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }
}

const WORKER_OF = {
  name: 'worker-of',
  text: 'update task set worker = $3 where seq = $1 and epoch = $2 and state + 0 = 2',
}

/** PostgreSQL's text holds no NUL, and the separator of columns would make two of one. */
function storable(text: string): string {
  return text.replaceAll(/[\u0000\u001e]/g, '�')
}
