/** The schedules of a memory engine: what a table of a database would hold. */

import type { ScheduleRow, ScheduleStore } from '../cron.ts'

export class ScheduleRows implements ScheduleStore {
  readonly #rows = new Map<string, ScheduleRow>()

  async read(names: readonly string[]): Promise<readonly (ScheduleRow | null)[]> {
    return names.map((name) => this.#rows.get(name) ?? null)
  }

  async page(afterName: string | null, limit: number): Promise<readonly ScheduleRow[]> {
    const names = [...this.#rows.keys()].sort()
    return names
      .filter((name) => afterName === null || name > afterName)
      .slice(0, limit)
      .map((name) => this.#rows.get(name)!)
  }

  async count(): Promise<number> {
    return this.#rows.size
  }

  async write(rows: readonly ScheduleRow[]): Promise<readonly boolean[]> {
    return rows.map((row) => {
      if ((this.#rows.get(row.name)?.version ?? 0) !== row.version) return false
      this.#rows.set(row.name, { ...row, version: row.version + 1 })
      return true
    })
  }

  async delete(names: readonly string[]): Promise<readonly boolean[]> {
    return names.map((name) => this.#rows.delete(name))
  }

  async due(nowMs: number, limit: number): Promise<readonly ScheduleRow[]> {
    const due = [...this.#rows.values()].filter(({ nextAtMs }) => nextAtMs !== null && nextAtMs <= nowMs)
    return due.sort((a, b) => a.nextAtMs! - b.nextAtMs!).slice(0, limit)
  }

  async nextMs(): Promise<number | null> {
    let nextMs: number | null = null
    for (const { nextAtMs } of this.#rows.values()) {
      if (nextAtMs !== null && (nextMs === null || nextAtMs < nextMs)) nextMs = nextAtMs
    }
    return nextMs
  }

  async waiting(): Promise<readonly string[]> {
    return [...this.#rows.values()].filter(({ state }) => state.waitingMs.length > 0).map(({ name }) => name)
  }
}
