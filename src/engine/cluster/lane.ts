/**
 * Lanes: a queue, a type and a priority under one number. A task's row carries the number, RabbitMQ has a queue for each, and a consumer
 * takes from those that its queues and types name.
 *
 * Numbers are given by the ledger, once, and never change; so what is known here stays true.
 */

import type { Row, Session } from './ledger/session.ts'

export interface Lane {
  readonly no: number
  readonly queue: string
  readonly type: string
  readonly priority: number
  /** Its queue in RabbitMQ. */
  readonly amqpQueue: string
  /** How long an attempt takes, as far as one knows; null: nothing is known yet. */
  meanMs: number | null
}

export interface LaneName {
  readonly queue: string
  readonly type: string
  readonly priority: number
}

const AMQP_NAME_BYTES_MAX = 200

const ADD = {
  name: 'lane-add',
  text: `insert into lane (queue, type, priority)
    select * from unnest($1::text[], $2::text[], $3::smallint[]) on conflict do nothing`,
}
const READ = {
  name: 'lane-read',
  text: 'select no, queue, type, priority, mean_ms from lane where no > $1 or $1 = 0',
}
const SAVE_MEAN = { name: 'lane-mean', text: 'update lane set mean_ms = $2 where no = $1' }

export class Lanes {
  readonly #session: Session
  readonly #prefix: string
  readonly #onNew: (lane: Lane) => void
  readonly #byNo = new Map<number, Lane>()
  /** By queue, type and priority: three steps are faster than making one key of them. */
  readonly #byName = new Map<string, Map<string, (Lane | undefined)[]>>()
  #lastNo = 0
  #loading: Promise<void> | null = null

  /** @param onNew also for each that is found on opening */
  constructor(session: Session, prefix: string, onNew: (lane: Lane) => void) {
    this.#session = session
    this.#prefix = prefix
    this.#onNew = onNew
  }

  get all(): IterableIterator<Lane> {
    return this.#byNo.values()
  }

  find({ queue, type, priority }: LaneName): Lane | undefined {
    return this.#byName.get(queue)?.get(type)?.[priority]
  }

  byNo(no: number): Lane | undefined {
    return this.#byNo.get(no)
  }

  /** By the name of its queue in RabbitMQ. */
  inQueue(amqpQueue: string): Lane | undefined {
    for (const lane of this.#byNo.values()) if (lane.amqpQueue === amqpQueue) return lane
    return undefined
  }

  /** Finds what others have made; also the mean run times that they measured. */
  refresh(): Promise<void> {
    this.#loading ??= this.#load(0).finally(() => {
      this.#loading = null
    })
    return this.#loading
  }

  /** Makes those that are missing. */
  async ensure(names: readonly LaneName[]): Promise<void> {
    const missing = names.filter((name) => this.find(name) === undefined)
    if (missing.length === 0) return
    // In one order everywhere, so that two processes that make the same lanes do not wait for each other in a circle.
    const unique = [
      ...new Map(missing.map((name) => [JSON.stringify([name.queue, name.type, name.priority]), name])),
    ]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, name]) => name)
    await this.#session.repeat(ADD, [
      literal(unique.map(({ queue }) => queue)),
      literal(unique.map(({ type }) => type)),
      `{${unique.map(({ priority }) => priority).join()}}`,
    ])
    await this.#load(this.#lastNo)
    if (names.some((name) => this.find(name) === undefined)) await this.#load(0)
  }

  async saveMean(lane: Lane, meanMs: number): Promise<void> {
    lane.meanMs = meanMs
    await this.#session.repeat(SAVE_MEAN, [lane.no, meanMs])
  }

  async #load(afterNo: number): Promise<void> {
    for (const row of await this.#session.repeat(READ, [afterNo])) this.#add(row)
  }

  #add(row: Row): void {
    const [no, queue, type, priority, meanMs] = row as [number, string, string, number, number | null]
    const known = this.#byNo.get(no)
    if (known !== undefined) {
      known.meanMs = meanMs ?? known.meanMs
      return
    }
    const lane: Lane = { no, queue, type, priority, amqpQueue: this.#amqpName(row), meanMs }
    this.#byNo.set(no, lane)
    if (no > this.#lastNo) this.#lastNo = no
    let byType = this.#byName.get(queue)
    if (byType === undefined) {
      byType = new Map()
      this.#byName.set(queue, byType)
    }
    let byPriority = byType.get(type)
    if (byPriority === undefined) {
      byPriority = []
      byType.set(type, byPriority)
    }
    byPriority[priority] = lane
    this.#onNew(lane)
  }

  /** The number makes it unique, the rest is for people. */
  #amqpName([no, queue, type, priority]: Row): string {
    const name = Buffer.from(`${this.#prefix}.lane.${no}.${queue}.${type}.${priority}`)
    return name.subarray(0, AMQP_NAME_BYTES_MAX).toString('utf8').replace(/�+$/, '')
  }
}

/** A PostgreSQL array literal of texts. */
function literal(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`).join()}}`
}
