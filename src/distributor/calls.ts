/**
 * The ways in which a request is answered: alone, as part of a batch, as a bare line, or not at all.
 *
 * Invariant: each call is finished exactly once, and `onFinished` hears of it after its reply, if any, was handed over.
 */

import { ChasquiError } from '../task/errors.ts'
import { REPLY_LENGTH_MAX } from '../task/limits.ts'
import { bareErrorText } from '../wire/bare-reply.ts'
import { batchText, errorReplyText, type RequestId, replyText } from '../wire/messages.ts'
import type { Call } from './command.ts'

export interface CallOwner {
  send(text: string): void
  onFinished(): void
  /** The error as the peer is told of it; what is unexpected ends up in the log. */
  wireError(error: unknown, method: string): ChasquiError
}

export class RequestCall implements Call {
  readonly #owner: CallOwner
  readonly #id: RequestId
  readonly #method: string

  constructor(owner: CallOwner, id: RequestId, method: string) {
    this.#owner = owner
    this.#id = id
    this.#method = method
  }

  succeed(resultText: string): void {
    this.#owner.send(replyText(this.#id, resultText))
    this.#owner.onFinished()
  }

  fail(error: unknown): void {
    this.#owner.send(errorReplyText(this.#id, this.#owner.wireError(error, this.#method)))
    this.#owner.onFinished()
  }
}

/** A notification: done, and not answered. */
export class SilentCall implements Call {
  readonly #owner: CallOwner
  readonly #method: string

  constructor(owner: CallOwner, method: string) {
    this.#owner = owner
    this.#method = method
  }

  succeed(): void {
    this.#owner.onFinished()
  }

  fail(error: unknown): void {
    this.#owner.wireError(error, this.#method)
    this.#owner.onFinished()
  }
}

/** A bare task. It is answered with a whole line. */
export class BareCall implements Call {
  readonly #owner: CallOwner

  constructor(owner: CallOwner) {
    this.#owner = owner
  }

  succeed(line: string): void {
    this.#owner.send(line)
    this.#owner.onFinished()
  }

  fail(error: unknown): void {
    this.#owner.send(bareErrorText(this.#owner.wireError(error, 'a bare task')))
    this.#owner.onFinished()
  }
}

/** A batch: one array with the replies in the order in which they are ready, when all are. */
export class Batch {
  readonly #owner: CallOwner
  #open = 1
  #texts: string[] = []
  #length = 0

  constructor(owner: CallOwner) {
    this.#owner = owner
  }

  request(id: RequestId, method: string): Call {
    this.#open++
    return {
      succeed: (resultText) => {
        this.#add(
          this.#length + resultText.length > REPLY_LENGTH_MAX
            ? errorReplyText(
                id,
                new ChasquiError('INVALID_PARAMS', 'the reply to this batch would be too long'),
              )
            : replyText(id, resultText),
        )
      },
      fail: (error) => this.#add(errorReplyText(id, this.#owner.wireError(error, method))),
    }
  }

  notification(method: string): Call {
    this.#open++
    return {
      succeed: () => this.#add(null),
      fail: (error) => {
        this.#owner.wireError(error, method)
        this.#add(null)
      },
    }
  }

  /** All entries were begun. */
  begun(): void {
    this.#entryDone()
  }

  #add(text: string | null): void {
    if (text !== null) {
      this.#texts.push(text)
      this.#length += text.length
    }
    this.#entryDone()
    this.#owner.onFinished()
  }

  #entryDone(): void {
    this.#open--
    // A batch of notifications only has no reply.
    if (this.#open === 0 && this.#texts.length > 0) this.#owner.send(batchText(this.#texts))
  }
}
