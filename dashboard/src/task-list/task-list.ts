/**
 * The rows of a list of tasks: pages as they are asked for, kept fresh by events.
 *
 * Invariants: bounded (`ROWS_MAX`); an answer to an earlier filter is thrown away; rows under somebody's finger do not move
 * (`isHeld`: what is new then is counted only).
 */

import { batch, signal } from '@preact/signals'
import type { TaskRecord } from '../api/shapes.ts'
import { getTask, listTasks } from '../api/tasks.ts'
import type { Sample } from '../live/sample.ts'
import { askedOf, EVERYTHING, fits, type ListFilter } from './filter.ts'
import { withEvents, withNewest } from './patch.ts'

export const ROWS_MAX = 100_000
const PAGE_TASKS = 1_000
const NEWEST_TASKS = 100
/** Rows that are looked at for one that fits, before somebody is asked whether to go on. */
const SCAN_MAX = 10_000
const REFRESH_MS = 1_000

export class TaskList {
  readonly rows = signal<readonly TaskRecord[]>([])
  /** `more`: there is more to load. */
  readonly state = signal<'loading' | 'more' | 'end'>('loading')
  readonly error = signal<unknown>(null)
  /** Rows that the server has answered so far, fitting or not. */
  readonly scanned = signal(0)
  readonly hasNews = signal(false)
  /** Something is selected, or somebody reads further down. */
  isHeld = false
  isAway = false

  #filter: ListFilter = EVERYTHING
  #cursor: string | null = null
  #run = new AbortController()
  #isLoading = false
  #refreshTimer: ReturnType<typeof setTimeout> | null = null

  /** Anew, from the newest. */
  async restart(filter: ListFilter = this.#filter): Promise<void> {
    this.close()
    this.#run = new AbortController()
    this.#filter = filter
    this.#cursor = null
    this.#isLoading = false
    batch(() => {
      this.scanned.value = 0
      this.hasNews.value = false
      this.error.value = null
    })
    await this.#load(true)
  }

  /** The next rows, if there are any. */
  async more(): Promise<void> {
    if (this.state.peek() === 'more' && !this.#isLoading) await this.#load(false)
  }

  /** On and on, until the end or as many as fit. */
  async all(): Promise<void> {
    const run = this.#run
    while (this.state.peek() === 'more' && !run.signal.aborted && this.error.peek() === null) {
      await this.#load(false)
    }
  }

  onSample({ events }: Sample): void {
    const { rows, strangers } = withEvents(this.rows.peek(), events)
    this.rows.value = rows
    if (strangers > 0) this.refreshSoon()
  }

  refreshSoon(): void {
    if (this.isHeld || this.isAway) {
      this.hasNews.value = true
      return
    }
    this.#refreshTimer ??= setTimeout(() => {
      this.#refreshTimer = null
      void this.#refresh()
    }, REFRESH_MS)
  }

  close(): void {
    this.#run.abort()
    if (this.#refreshTimer !== null) clearTimeout(this.#refreshTimer)
    this.#refreshTimer = null
  }

  async #load(isFirst: boolean): Promise<void> {
    const { signal } = this.#run
    this.#isLoading = true
    this.state.value = 'loading'
    try {
      const named = isFirst ? await this.#named(signal) : null
      const found: TaskRecord[] = named === null ? [] : [named]
      let looked = 0
      let isOver = false
      do {
        const page = await listTasks(askedOf(this.#filter, Date.now()), {
          limit: PAGE_TASKS,
          cursor: this.#cursor,
          signal,
        })
        if (signal.aborted) return
        for (const task of page.tasks) {
          if (fits(task, this.#filter) && task.id !== named?.id) found.push(task)
        }
        looked += page.tasks.length
        this.scanned.value += page.tasks.length
        this.#cursor = page.cursor
        isOver = page.cursor === null
      } while (found.length < PAGE_TASKS / 10 && !isOver && looked < SCAN_MAX)
      batch(() => {
        this.rows.value = isFirst ? found : [...this.rows.peek(), ...found]
        this.state.value = isOver || this.rows.peek().length >= ROWS_MAX ? 'end' : 'more'
        this.error.value = null
      })
    } catch (error) {
      if (signal.aborted) return
      batch(() => {
        this.error.value = error
        this.state.value = this.#cursor === null ? 'end' : 'more'
      })
    } finally {
      if (!signal.aborted) this.#isLoading = false
    }
  }

  /** A text that is the whole id of a task finds it however old it is. */
  async #named(signal: AbortSignal): Promise<TaskRecord | null> {
    const { text, states } = this.#filter
    if (text === '') return null
    const task = await getTask(text, signal)
    return task === null || (states.length > 0 && !states.includes(task.state)) ? null : task
  }

  async #refresh(): Promise<void> {
    if (this.#isLoading || this.isHeld || this.isAway) return
    const { signal } = this.#run
    try {
      const page = await listTasks(askedOf(this.#filter, Date.now()), { limit: NEWEST_TASKS, signal })
      if (signal.aborted || this.isHeld || this.isAway) return
      const newest = page.tasks.filter((task) => fits(task, this.#filter))
      const rows = withNewest(this.rows.peek(), newest)
      if (rows === null) await this.restart()
      else this.rows.value = rows.slice(0, ROWS_MAX)
    } catch {
      // The next event tries again; that the server is away is said by the frame.
    }
  }
}
