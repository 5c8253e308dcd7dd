/** One message as its subscriber holds it: a thin skin over what amqplib read, for there is one of it for every message. */

import type { ConsumeMessage } from 'amqplib'
import type { Incoming } from './broker.ts'

export interface Settler {
  /** Repeatable: what was settled before, or is void, is passed over. */
  settle(tag: number, isDone: boolean): void
}

export class Delivered implements Incoming {
  readonly body: Buffer
  readonly #settler: Settler
  readonly #message: ConsumeMessage

  constructor(message: ConsumeMessage, settler: Settler) {
    this.#settler = settler
    this.#message = message
    this.body = message.content
  }

  get contentType(): string | undefined {
    return this.#message.properties.contentType
  }

  get messageId(): string | undefined {
    return this.#message.properties.messageId
  }

  get redelivered(): boolean {
    return this.#message.fields.redelivered
  }

  done(): void {
    this.#settler.settle(this.#message.fields.deliveryTag, true)
  }

  back(): void {
    this.#settler.settle(this.#message.fields.deliveryTag, false)
  }
}
