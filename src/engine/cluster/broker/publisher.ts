/**
 * Publishing on one confirm channel: calls are pipelined, one promise a call. It lives as long as its channel.
 *
 *   waiting (broker blocked, socket full, too many unconfirmed) → sent → confirmed | returned | refused | channel lost
 *
 * Invariant: each call is settled once: resolved when the broker has confirmed all its messages and returned none, else rejected.
 */

import { type ConfirmChannel, IllegalOperationError, type Message, type Options } from 'amqplib'
import { BROKER_CONFIRM_MS, BROKER_UNCONFIRMED_MAX, BROKER_WAITING_MAX } from '../../../task/limits.ts'
import { BrokerFailure, type Outgoing } from './broker.ts'
import { ConfirmLedger } from './confirm-ledger.ts'

interface Call {
  readonly messages: readonly Outgoing[]
  /** Of the first message that is not sent yet. */
  next: number
  /** Messages that are not confirmed yet, those not sent included. */
  left: number
  /** When the last of them was sent. */
  sentAtMs: number
  isSettled: boolean
  /** Nobody waits any more for those that are not confirmed. */
  isAbandoned: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Publisher {
  readonly #channel: ConfirmChannel
  readonly #ledger: ConfirmLedger<Call>
  readonly #confirmMs: number
  readonly #queue: Call[] = []
  #waiting = 0
  /** Sent, and given up before the broker answered. */
  #abandoned = 0
  #confirmedAtMs = Number.NEGATIVE_INFINITY
  #isFull = false
  #isBlocked = false
  #end: BrokerFailure | null = null
  readonly #watch: NodeJS.Timeout
  readonly #onStuck: (reason: string) => void

  /**
   * @param nextTag the number that the channel gives to its next message
   * @param onStuck the channel should be made anew
   */
  constructor(
    channel: ConfirmChannel,
    nextTag: number,
    onStuck: (reason: string) => void,
    confirmMs = BROKER_CONFIRM_MS,
  ) {
    this.#channel = channel
    this.#onStuck = onStuck
    this.#watch = setInterval(() => this.#watchConfirms(), confirmMs / 4).unref()
    this.#ledger = new ConfirmLedger(nextTag)
    this.#confirmMs = confirmMs
    channel.on('ack', ({ deliveryTag, multiple }) => this.#confirmed(deliveryTag, multiple))
    channel.on('nack', ({ deliveryTag, multiple }) => this.#refused(deliveryTag, multiple))
    channel.on('return', (message) => this.#returned(message))
    channel.on('drain', () => {
      this.#isFull = false
      this.#pump()
    })
  }

  publish(messages: readonly Outgoing[]): Promise<void> {
    if (this.#end !== null) return Promise.reject(this.#end)
    if (messages.length === 0) return Promise.resolve()
    if (this.#waiting > 0 && this.#waiting + messages.length > BROKER_WAITING_MAX) {
      return Promise.reject(
        new BrokerFailure('refused', `${this.#waiting} messages wait for the broker already`),
      )
    }
    return new Promise((resolve, reject) => {
      const call = {
        messages,
        next: 0,
        left: messages.length,
        sentAtMs: 0,
        isSettled: false,
        isAbandoned: false,
        resolve,
        reject,
      }
      this.#waiting += messages.length
      this.#queue.push(call)
      this.#pump()
    })
  }

  /** The broker takes no messages, or takes them again. */
  set isBlocked(isBlocked: boolean) {
    this.#isBlocked = isBlocked
    // Whoever waited for the broker has waited for its alarm, not for a confirm.
    if (!isBlocked) for (const call of this.#ledger.owners()) call.sentAtMs = Date.now()
    this.#pump()
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** The channel is gone: whatever is not confirmed is unknown. */
  end(reason: string): void {
    if (this.#end !== null) return
    this.#end = new BrokerFailure('down', reason)
    clearInterval(this.#watch)
    for (const call of [...this.#ledger.owners(), ...this.#queue]) this.#fail(call, this.#end)
    this.#queue.length = 0
    this.#waiting = 0
  }

  #pump(): void {
    for (let call = this.#queue[0]; call !== undefined && this.#mayWrite; call = this.#queue[0]) {
      if (!call.isSettled) this.#write(call)
      if (call.isSettled || call.next === call.messages.length) this.#queue.shift()
    }
  }

  get #mayWrite(): boolean {
    return !this.#isBlocked && !this.#isFull && this.#end === null && this.#room > 0
  }

  get #room(): number {
    return BROKER_UNCONFIRMED_MAX - (this.#ledger.outstanding - this.#abandoned)
  }

  #write(call: Call): void {
    // One object for all messages: amqplib has read it when publish returns.
    const options: Options.Publish = { persistent: true, mandatory: true }
    const from = call.next
    const end = Math.min(call.messages.length, from + this.#room)
    try {
      while (call.next < end && !this.#isFull) {
        const { queue, body, contentType, headers } = call.messages[call.next]!
        options.contentType = contentType
        options.headers = headers
        // A returned message says by nothing else which one it was.
        options.messageId = (this.#ledger.next + call.next - from).toString(36)
        this.#isFull = !this.#channel.publish('', queue, Buffer.from(body), options)
        call.next++
      }
    } catch (error) {
      const isClosed = error instanceof IllegalOperationError
      this.#fail(call, isClosed ? new BrokerFailure('down', 'the channel is closed') : error)
    }
    call.sentAtMs = Date.now()
    this.#ledger.add(call, call.next - from)
    this.#waiting -= call.next - from
  }

  #confirmed(tag: number, multiple: boolean): void {
    this.#confirmedAtMs = Date.now()
    this.#ledger.settle(tag, multiple, this.#confirm)
    if (this.#queue.length > 0) this.#pump()
  }

  readonly #confirm = (call: Call, count: number): void => {
    call.left -= count
    if (call.isAbandoned) this.#abandoned -= count
    if (call.left > 0 || call.isSettled) return
    call.isSettled = true
    call.resolve()
  }

  #refused(tag: number, multiple: boolean): void {
    const failure = new BrokerFailure('refused', 'the broker refused the message')
    this.#ledger.settle(tag, multiple, (call, count) => {
      this.#fail(call, failure)
      this.#confirm(call, count)
    })
    this.#pump()
  }

  /** The return comes before the confirm of the same message. */
  #returned({ fields, properties }: Message): void {
    const call = this.#ledger.ownerOf(Number.parseInt(String(properties.messageId), 36))
    if (call === null) return
    this.#fail(
      call,
      new BrokerFailure('unroutable', `there is no queue ${fields.routingKey}`, fields.routingKey),
    )
  }

  #fail(call: Call, error: unknown): void {
    if (call.isSettled) return
    call.isSettled = true
    this.#waiting -= call.messages.length - call.next
    call.reject(error)
  }

  /** A quorum queue without its majority confirms nothing and says nothing. */
  #watchConfirms(): void {
    if (this.#isBlocked) return
    const beforeMs = Date.now() - this.#confirmMs
    let isSilent = false
    for (const call of this.#ledger.owners()) {
      if (call.isSettled || call.sentAtMs > beforeMs) continue
      call.isAbandoned = true
      this.#abandoned += call.next - (call.messages.length - call.left)
      // RabbitMQ's channel waits for a queue without a leader, and confirms nothing of the others meanwhile.
      if (this.#confirmedAtMs <= call.sentAtMs) isSilent = true
      const reason = `no confirm in ${this.#confirmMs} ms`
      this.#fail(call, new BrokerFailure('refused', reason, null, { isUnconfirmed: true }))
    }
    if (isSilent) this.#onStuck('the broker confirms nothing')
    else if (this.#abandoned > BROKER_UNCONFIRMED_MAX)
      this.#onStuck('the broker leaves too many messages unconfirmed')
    else this.#pump()
  }
}
