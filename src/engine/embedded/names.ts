/** Names as numbers: queues and types stand in every row, workers in results. */

import type { WorkerIdentity } from '../../task/task.ts'
import type { Sql } from './sql.ts'

export class Names {
  readonly #sql: Sql
  readonly #nameNo = new Map<string, number>()
  readonly #names: string[] = []
  readonly #workers = new Map<number, WorkerIdentity>()

  constructor(sql: Sql) {
    this.#sql = sql
    this.reloadNames()
  }

  /** The number of a queue's or type's name; made when it is new (inside a transaction). */
  numberOf(name: string): number {
    const known = this.#nameNo.get(name)
    if (known !== undefined) return known
    const row = this.#sql.row(
      'insert into name (text) values (?) on conflict (text) do update set text = text returning no',
      name,
    )
    const no = row![0] as number
    this.#nameNo.set(name, no)
    this.#names[no] = name
    return no
  }

  nameOf(no: number): string {
    return this.#names[no]!
  }

  /** After a rollback: names made in it are not in the file. */
  reloadNames(): void {
    this.#nameNo.clear()
    for (const row of this.#sql.rows('select no, text from name order by no')) {
      this.#names[row[0] as number] = row[1] as string
      this.#nameNo.set(row[1] as string, row[0] as number)
    }
  }

  workerNumberOf(worker: WorkerIdentity): number {
    const row = this.#sql.row(
      'insert into worker (id, pid, host) values (?, ?, ?) on conflict (id) do update set pid = excluded.pid, host = excluded.host returning no',
      worker.id,
      worker.pid,
      worker.host,
    )
    const no = row![0] as number
    this.#workers.set(no, worker)
    return no
  }

  workerOf(no: number): WorkerIdentity | undefined {
    let worker = this.#workers.get(no)
    if (worker === undefined) {
      const row = this.#sql.row('select id, pid, host from worker where no = ?', no)
      if (row === undefined) return undefined
      worker = { id: row[0] as string, pid: row[1] as number, host: row[2] as string }
      this.#workers.set(no, worker)
    }
    return worker
  }
}
