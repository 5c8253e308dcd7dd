/**
 * Orders to queues, on every process of a cluster: written to the ledger, obeyed here, told to the others, and over when all of them obey.
 *
 * The others say when they do, after the claim under way. Whoever cannot be told (news is lost, the broker is down) reads the ledger with its next
 * sign of life, so after QUEUE_HEARD_MS everybody that lives has. Invariant: the ledger is the truth; what is known here is read from it.
 */

import { QUEUE_HEARD_MS, QUEUE_PURGE_MAX } from '../../task/limits.ts'
import {
  PLAIN_QUEUE,
  type QueueAnswer,
  type QueueOrder,
  type QueueSettings,
  settingsAfter,
} from '../../task/queue.ts'
import type { Core } from './core.ts'
import { LOCK_QUEUE, MAKE_QUEUE, READ_QUEUES, WRITE_QUEUE } from './ledger/queue-statements.ts'
import { readPage } from './looking.ts'
import { cancelWaiting } from './steering.ts'

export interface QueuesHooks {
  /** Lanes were paused, or may be taken from again. */
  changed(): void
  /** Resolves when no claim is under way that was begun before. */
  still(): Promise<void>
}

export class Queues {
  readonly #core: Core
  readonly #hooks: QueuesHooks
  /** Orders of this process that others have not heard of yet. */
  readonly #telling = new Set<{ left: number; heard: () => void }>()

  constructor(core: Core, hooks: QueuesHooks) {
    this.#core = core
    this.#hooks = hooks
  }

  /** What the ledger says. */
  async refresh(): Promise<void> {
    const { queues, ledger } = this.#core
    const rows = await ledger.look.repeat<[string, string]>(READ_QUEUES, [])
    queues.replace(
      rows.map(
        ([queue, text]) => [queue, { ...PLAIN_QUEUE, ...(JSON.parse(text) as QueueSettings) }] as const,
      ),
    )
    this.#obey()
  }

  #obey(): void {
    let isChanged = false
    for (const window of this.#core.windows.values()) {
      const isPaused = this.#core.queues.isPaused(window.lane.queue)
      if (window.isPaused === isPaused) continue
      window.isPaused = isPaused
      isChanged = true
    }
    if (isChanged) this.#hooks.changed()
  }

  async steer(order: QueueOrder): Promise<QueueAnswer> {
    const { queue } = order
    if (order.kind === 'purge') {
      const settings = this.#core.queues.of(queue)
      return { queue, settings, ...(await this.#purge(queue, order.cursor)) }
    }
    const settings = await this.#core.ledger.careful.transact(async (query) => {
      await query(MAKE_QUEUE, [queue])
      const [row] = await query(LOCK_QUEUE, [queue])
      const before = { ...PLAIN_QUEUE, ...(JSON.parse(row![0] as string) as QueueSettings) }
      const after = settingsAfter(before, order)
      await query(WRITE_QUEUE, [queue, JSON.stringify(after)])
      return after
    })
    await this.refresh()
    await Promise.all([this.#hooks.still(), this.#tell()])
    return { queue, settings, purged: 0, cursor: null }
  }

  /** Newest first; what is cancelled is looked at again under its lock, for it may have begun to run. */
  async #purge(queue: string, cursor: string | undefined) {
    const page = await readPage(this.#core, {
      queues: [queue],
      states: ['scheduled', 'blocked', 'queued'],
      limit: QUEUE_PURGE_MAX,
      ...(cursor !== undefined && { cursor }),
    })
    const ids = page.tasks.map(({ id }) => id)
    const changes = ids.length === 0 ? [] : await cancelWaiting(this.#core, ids)
    return { purged: changes.filter((change) => change?.changed).length, cursor: page.cursor }
  }

  #tell(): Promise<void> {
    const others = this.#core.otherMembers
    if (others === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const telling = {
        left: others,
        heard: () => {
          if (--telling.left > 0) return
          clearTimeout(timer)
          this.#telling.delete(telling)
          resolve()
        },
      }
      const timer = setTimeout(() => {
        telling.left = 0
        telling.heard()
      }, QUEUE_HEARD_MS)
      this.#telling.add(telling)
      this.#core.news.sendQueues()
    })
  }

  /** Another process says that it obeys. One that says so twice is believed twice: then the order was told twice, too. */
  heard(): void {
    for (const telling of this.#telling) telling.heard()
  }

  /** Another process was given an order. */
  async hear(from: number): Promise<void> {
    try {
      await this.refresh()
      await this.#hooks.still()
      this.#core.news.sendQueuesHeard(from)
    } catch {
      // The database is down: nothing is claimed meanwhile, and the next sign of life reads again.
    }
  }
}
