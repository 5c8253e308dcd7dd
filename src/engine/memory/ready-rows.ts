/**
 * The queued rows in their order: one sorted list for each queue and type, so that a type that no worker knows stands in nobody's way.
 *
 * Order: priority from high to low, then due time, then order of acceptance. Invariant: a row is in its list exactly while
 * its state is `queued`, and its place does not change meanwhile.
 */

import { isForOneAlone, type Row } from './row.ts'

export class ReadyRows {
  readonly #lists = new Map<string, Map<string, Row[]>>()

  add(row: Row): void {
    const list = this.#listOf(row)
    list.splice(placeIn(list, row), 0, row)
  }

  remove(row: Row): void {
    const list = this.#listOf(row)
    const at = placeIn(list, row)
    if (list[at] !== row) throw new Error(`bug: task ${row.submission.id} is queued but in no list`)
    list.splice(at, 1)
  }

  /** The first row of these queues and types; null: none waits. `sociable`: that may run beside others. */
  first(queues: readonly string[], types: readonly string[] | null, sociable: boolean): Row | null {
    let best: Row | null = null
    for (const queue of queues) {
      const byType = this.#lists.get(queue)
      if (byType === undefined) continue
      for (const type of types ?? byType.keys()) {
        const list = byType.get(type)
        const head = sociable ? list?.find((row) => !isForOneAlone(row)) : list?.[0]
        if (head !== undefined && (best === null || compare(head, best) < 0)) best = head
      }
    }
    return best
  }

  #listOf(row: Row): Row[] {
    const { queue, type } = row.submission
    const byType = this.#lists.get(queue) ?? new Map<string, Row[]>()
    const list = byType.get(type) ?? []
    this.#lists.set(queue, byType)
    byType.set(type, list)
    return list
  }
}

export function goesBefore(a: Row, b: Row): boolean {
  return compare(a, b) < 0
}

function compare(a: Row, b: Row): number {
  return b.submission.priority - a.submission.priority || a.runAtMs - b.runAtMs || a.seq - b.seq
}

/** Where the row is, or would be. */
function placeIn(list: readonly Row[], row: Row): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(list[middle]!, row) < 0) low = middle + 1
    else high = middle
  }
  return low
}
