/**
 * Foreign producers: whatever AMQP client publishes `{"type":"sumar","data":[5,7]}` to the queue `<prefix>.<queue>` has its task adopted into the ledger
 * and run. The message is acked after the task is safe; one that is no task goes to `<prefix>.dead` with its reason, and nothing stops.
 *
 * The id is the task's own, or the message's `message_id`: then a message that comes twice is one task. Without either it may run twice when a
 * process dies at the wrong moment.
 */

import { ChasquiError } from '../../task/errors.ts'
import {
  INBOX_PREFETCH,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  RETRY_AFTER_MS,
  STORE_RETRY_MS,
} from '../../task/limits.ts'
import type { Receipt, Refusal, Submission } from '../../task/task.ts'
import { readSubmission } from '../../wire/submission-codec.ts'
import type { Incoming, Subscription } from './broker/broker.ts'
import type { Core } from './core.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true })

export class Inbox {
  readonly #core: Core
  readonly #queue: string
  readonly #amqpQueue: string
  readonly #deadQueue: string
  readonly #submit: (batch: readonly Submission[]) => Promise<readonly (Receipt | Refusal)[]>
  #subscription: Subscription | null = null
  #opening = false
  #closed = false
  #failures = 0

  constructor(
    core: Core,
    names: { prefix: string; queue: string },
    submit: (batch: readonly Submission[]) => Promise<readonly (Receipt | Refusal)[]>,
  ) {
    this.#core = core
    this.#queue = names.queue
    this.#amqpQueue = `${names.prefix}.${names.queue}`
    this.#deadQueue = `${names.prefix}.dead`
    this.#submit = submit
  }

  /** Both queues are there. Rejects with CONFIG_INVALID where there is one that others made otherwise; BrokerFailure may pass. */
  async prepare(): Promise<void> {
    await this.#core.broker.declare(this.#deadQueue)
    await this.#core.broker.declare(this.#amqpQueue)
  }

  /** Before anything is taken in: what a person must change is said while he looks. Everything else `open` tries again. */
  async check(): Promise<void> {
    await this.prepare().catch((error) => {
      if (error instanceof ChasquiError) throw error
    })
  }

  /** Also after each reconnect: the queue may be gone. */
  async open(): Promise<void> {
    if (this.#opening || this.#closed) return
    this.#opening = true
    try {
      await this.prepare()
      if (this.#closed) return
      this.#failures = 0
      this.#subscription ??= this.#core.broker.subscribe(this.#amqpQueue, INBOX_PREFETCH, {
        deliver: (messages) => void this.#adopt(messages),
        interrupted: (reason) => {
          if (reason === 'lost') return
          this.#subscription = null
          this.#again()
        },
      })
    } catch (error) {
      // While the broker is down this is no news; its `up` comes.
      if (error instanceof ChasquiError) this.#core.onTrouble('consumer-lost', error)
      this.#again()
    } finally {
      this.#opening = false
    }
  }

  /** When the broker is down, its `up` comes. */
  #again(): void {
    if (!this.#core.broker.isUp) return
    const pauseMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.#failures++, 20))
    setTimeout(() => void this.open(), pauseMs).unref()
  }

  async #adopt(messages: readonly Incoming[]): Promise<void> {
    const tasks: { message: Incoming; submission: Submission }[] = []
    for (const message of messages) {
      try {
        tasks.push({ message, submission: this.#read(message) })
      } catch (error) {
        // Beside the others: while the broker takes nothing, what is good is still adopted.
        void this.#bury(message, error instanceof ChasquiError ? error.message : String(error))
      }
    }
    if (tasks.length === 0) return
    try {
      const answers = await this.#submit(tasks.map(({ submission }) => submission))
      for (const [index, answer] of answers.entries()) {
        const { message } = tasks[index]!
        if (!('refused' in answer)) message.done()
        // At once it would come again at once.
        else if (answer.refused.code === 'RETRY_AFTER') {
          setTimeout(() => message.back(), answer.refused.retryAfterMs ?? RETRY_AFTER_MS).unref()
        } else void this.#bury(message, answer.refused.message)
      }
    } catch {
      // The ledger cannot take them now: they wait, and are offered again.
      setTimeout(() => {
        for (const { message } of tasks) message.back()
      }, STORE_RETRY_MS).unref()
    }
  }

  #read(message: Incoming): Submission {
    let value: unknown
    try {
      value = JSON.parse(UTF8.decode(message.body))
    } catch {
      throw new ChasquiError('PARSE_ERROR', 'it is not JSON in UTF-8')
    }
    const submission = readSubmission(value, { nowMs: this.#core.nowMs(), bare: true })
    // The owed call is the doing of a distributor, and none has seen this one.
    if (submission.options?.webhook !== undefined) {
      throw new ChasquiError('NOT_SUPPORTED', 'a task that comes over AMQP can have no webhook')
    }
    const { id, queue } = value as { id?: unknown; queue?: unknown }
    return {
      ...submission,
      ...(id === undefined && message.messageId !== undefined && { id: message.messageId.slice(0, 128) }),
      ...(queue === undefined && { queue: this.#queue }),
    }
  }

  async #bury(message: Incoming, reason: string): Promise<void> {
    this.#core.onTrouble('foreign-message-refused', reason)
    try {
      await this.#core.broker.publish([
        {
          queue: this.#deadQueue,
          body: message.body.toString('utf8'),
          contentType: message.contentType ?? 'application/octet-stream',
          headers: { 'x-chasqui-reason': reason, 'x-chasqui-queue': this.#amqpQueue },
        },
      ])
      message.done()
    } catch {
      message.back()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#subscription?.close().catch(() => undefined)
  }
}
