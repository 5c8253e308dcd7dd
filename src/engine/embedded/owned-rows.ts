/** How much data is kept on whose account: counted from an index that holds nothing but tasks with an account. */

import type { Sql } from './sql.ts'

export class OwnedRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  bytesByOwner(): Readonly<Record<string, number>> {
    const rows = this.#sql.rows(
      `select json_extract(options, '$.owned[0]'), sum(json_extract(options, '$.owned[1]')) from task where instr(options, '"owned":[') > 0 group by 1`,
    )
    return Object.fromEntries(rows) as Record<string, number>
  }
}
