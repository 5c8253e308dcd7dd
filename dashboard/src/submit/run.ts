/**
 * Tasks that were sent from the form, followed to their results. Lives on when another screen is shown.
 *
 * Events say that something ended; results are read from the records. What events do not tell (lost, sampled) is found by looking at what is still open.
 */

import { signal } from '@preact/signals'
import { isFinal, type TaskState } from '../../../src/task/lifecycle.ts'
import type { NewTask, Receipt, TaskRecord } from '../api/shapes.ts'
import { getTasks, submitTasks } from '../api/tasks.ts'
import type { Sample } from '../live/sample.ts'
import { newTaskIds } from './new-id.ts'

export interface Followed {
  readonly id: string
  /** null: on its way to the server. */
  readonly state: TaskState | null
  readonly isDuplicate: boolean
  /** Why the server did not take it. */
  readonly refusal: string | null
  readonly record: TaskRecord | null
}

const BATCH_TASKS = 500
/** Open ones that are looked at in one go. */
const LOOK_TASKS = 200
const LOOK_MS = 500

export class Run {
  readonly task: NewTask
  readonly begunAtMs = Date.now()
  /** In the order of their making. */
  readonly tasks = signal<ReadonlyMap<string, Followed>>(new Map())
  readonly error = signal<unknown>(null)
  readonly endedAtMs = signal<number | null>(null)
  readonly #ended = new Set<string>()
  #timer: ReturnType<typeof setTimeout> | null = null
  #isClosed = false

  constructor(task: NewTask, count: number) {
    this.task = task
    const ids = task.id === undefined ? newTaskIds(count) : [task.id]
    this.tasks.value = new Map(
      ids.map((id) => [id, { id, state: null, isDuplicate: false, refusal: null, record: null }]),
    )
  }

  async submit(): Promise<void> {
    const ids = [...this.tasks.peek().keys()]
    this.#plan()
    try {
      for (let from = 0; from < ids.length && !this.#isClosed; from += BATCH_TASKS) {
        const part = ids.slice(from, from + BATCH_TASKS)
        const receipts = await submitTasks(part.map((id) => ({ ...this.task, id })))
        this.#change(part.map((id, index) => confirmed(id, receipts[index]!)))
      }
    } catch (error) {
      this.error.value = error
    }
  }

  onSample({ events }: Sample): void {
    const known = this.tasks.peek()
    const news = events.filter(({ id }) => known.has(id))
    for (const { id, state } of news) if (isFinal(state)) this.#ended.add(id)
    this.#change(
      news.flatMap(({ id, state, progress }) => {
        const before = known.get(id)!
        if (before.record !== null && isFinal(before.record.state)) return []
        const record =
          before.record === null || progress === undefined ? before.record : { ...before.record, progress }
        return [{ ...before, state, record }]
      }),
    )
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #plan(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      void this.#look().finally(() => {
        if (this.endedAtMs.peek() === null) this.#plan()
      })
    }, LOOK_MS)
  }

  async #look(): Promise<void> {
    const all = [...this.tasks.peek().values()]
    const open = all.filter(({ state, record, refusal }) => {
      return state !== null && refusal === null && (record === null || !isFinal(record.state))
    })
    const ended = open.filter(({ id }) => this.#ended.has(id))
    const asked = [...ended, ...open.filter(({ id }) => !this.#ended.has(id))].slice(0, LOOK_TASKS)
    if (asked.length > 0) {
      try {
        const records = await getTasks(asked.map(({ id }) => id))
        this.#change(
          asked.flatMap((before, index) => {
            const record = records[index]
            return record ? [{ ...before, state: record.state, record }] : []
          }),
        )
      } catch {
        // The frame says when the server is away; the next look tries again.
        return
      }
    }
    const isOver = [...this.tasks.peek().values()].every(
      ({ refusal, record }) => refusal !== null || (record !== null && isFinal(record.state)),
    )
    if (isOver || this.error.peek() !== null) this.endedAtMs.value = Date.now()
  }

  #change(changed: readonly Followed[]): void {
    if (changed.length === 0) return
    const next = new Map(this.tasks.peek())
    for (const followed of changed) next.set(followed.id, followed)
    this.tasks.value = next
  }
}

function confirmed(id: string, { state, duplicate, error }: Receipt): Followed {
  return {
    id,
    state: (state as TaskState | undefined) ?? null,
    isDuplicate: duplicate ?? false,
    refusal: error === undefined ? null : `${error.message} (${error.name})`,
    record: null,
  }
}
