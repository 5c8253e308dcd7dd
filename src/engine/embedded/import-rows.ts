/**
 * What a store remembers of exports and imports, in `meta`: its own name, imports that are not complete, and what it
 * took over of the totals of others.
 */

import type { Sql } from './sql.ts'

const IMPORTING = 'importing '
const TAKEN = 'taken '

export class ImportRows {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Names this store for ever; made from `newName` when it is asked for the first time. */
  storeName(newName: () => string): string {
    const known = this.#read('store')
    if (known !== null) return known as string
    const name = newName()
    this.#write('store', name)
    return name
  }

  /** How often the store was opened by an engine, or written to by an import. */
  boot(): number {
    return (this.#read('boot') as number | null) ?? 0
  }

  setBoot(boot: number): void {
    this.#write('boot', boot)
  }

  markImport(store: string): void {
    this.#write(IMPORTING + store, 1)
  }

  unmarkImport(store: string): void {
    this.#sql.run('delete from meta where name = ?', IMPORTING + store)
  }

  /** Names of the stores that were imported by half. */
  halfImported(): string[] {
    return this.#sql
      .rows('select name from meta where name > ? and name < ? order by name', IMPORTING, `${IMPORTING}~`)
      .map((row) => (row[0] as string).slice(IMPORTING.length))
  }

  /** JSON text that `setTaken` wrote. */
  taken(store: string): string | null {
    return this.#read(TAKEN + store) as string | null
  }

  setTaken(store: string, text: string): void {
    this.#write(TAKEN + store, text)
  }

  #read(name: string): number | string | null {
    return this.#sql.row('select value from meta where name = ?', name)?.[0] ?? null
  }

  #write(name: string, value: number | string): void {
    this.#sql.run('insert or replace into meta (name, value) values (?, ?)', name, value)
  }
}
