/** The settings of queues that somebody said something about, one JSON document each. */

import type { QueueSettings } from '../../task/queue.ts'
import type { Sql } from './sql.ts'

export class QueueRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  read(): [string, QueueSettings][] {
    return this.#sql
      .rows('select name, settings from queue')
      .map((row) => [row[0] as string, JSON.parse(row[1] as string) as QueueSettings])
  }

  write(queue: string, settings: QueueSettings): void {
    this.#sql.run(
      'insert into queue (name, settings) values (?, ?) on conflict (name) do update set settings = excluded.settings',
      queue,
      JSON.stringify(settings),
    )
  }

  /** Bytes of the data of a queue's unfinished tasks. Goes through all of them, without reading their data. */
  weight(queueNo: number): number {
    return this.#sql.row(
      `select coalesce((select sum(octet_length(t.payload)) from ready y join task t on t.seq = y.seq where y.queue = ?1), 0)
         + coalesce((select sum(octet_length(t.payload)) from scheduled s join task t on t.seq = s.seq where t.queue = ?1), 0)`,
      queueNo,
    )![0] as number
  }

  weightOf(seq: number): number {
    return this.#sql.row('select octet_length(payload) from task where seq = ?', seq)![0] as number
  }
}
