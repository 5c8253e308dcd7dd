/**
 * What a peer says, as calls: messages → requests, notifications, bare tasks, batches; and what cannot be understood → an error in the form that the
 * peer understands, as far as that is known.
 *
 * Invariant: each message is answered once, or is a notification; nothing that it says can throw out of here.
 */

import { ChasquiError } from '../task/errors.ts'
import { BATCH_ENTRIES_MAX } from '../task/limits.ts'
import { bareErrorText, mixedErrorText } from '../wire/bare-reply.ts'
import {
  errorReplyText,
  type Incoming,
  isObject,
  type Params,
  parseLine,
  readIncoming,
} from '../wire/messages.ts'
import { BareCall, Batch, type CallOwner, RequestCall, SilentCall } from './calls.ts'
import type { Call, CommandContext, NeededRight } from './command.ts'
import { submitBare } from './commands/submit.ts'
import { COMMANDS } from './commands.ts'
import { checkParams } from './params-check.ts'

/** The connection, as far as its conversation needs it. */
export interface Host extends CommandContext, CallOwner {
  /** One call more is under way. */
  onBegun(): void
  /** Throws what the peer must not do. */
  demand(right: NeededRight): void
  /** What was asked in this turn goes to the engine. */
  flushTurn(): void
  speakLines(): void
  onBadMessage(error: ChasquiError): void
}

/** What these ask in one turn is asked of the engine in one call. */
const JOINED: ReadonlySet<string> = new Set(['task.submit', 'work.settle'])

export class Conversation {
  readonly #host: Host
  #dialect: 'unknown' | 'bare' | 'rpc' = 'unknown'

  constructor(host: Host) {
    this.#host = host
  }

  hear(text: string): void {
    let value: unknown
    try {
      value = parseLine(text)
    } catch (error) {
      this.refuse(error as ChasquiError)
      return
    }
    if (Array.isArray(value)) {
      this.#speakRpc()
      this.#onBatch(value)
      return
    }
    const incoming = readIncoming(value)
    if (incoming.kind === 'bare') {
      if (this.#dialect === 'unknown') this.#dialect = 'bare'
    } else if (incoming.kind !== 'invalid' || (isObject(value) && value.jsonrpc !== undefined)) {
      this.#speakRpc()
    }
    this.#onIncoming(incoming)
  }

  #speakRpc(): void {
    if (this.#dialect === 'rpc') return
    this.#dialect = 'rpc'
    this.#host.speakLines()
  }

  #onIncoming(incoming: Incoming): void {
    switch (incoming.kind) {
      case 'request':
        this.#run(incoming.method, incoming.params, new RequestCall(this.#host, incoming.id, incoming.method))
        return
      case 'notification':
        this.#run(incoming.method, incoming.params, new SilentCall(this.#host, incoming.method))
        return
      case 'bare':
        this.#guard(new BareCall(this.#host), (call) => {
          this.#host.demand('submit')
          submitBare(this.#host, incoming.fields, call)
        })
        return
      case 'invalid':
        this.#host.onBadMessage(incoming.error)
        this.#host.send(
          this.#dialect === 'rpc'
            ? errorReplyText(incoming.id, incoming.error)
            : this.errorText(incoming.error),
        )
    }
  }

  #onBatch(entries: readonly unknown[]): void {
    if (entries.length === 0 || entries.length > BATCH_ENTRIES_MAX) {
      this.refuse(new ChasquiError('INVALID_REQUEST', `a batch has 1 to ${BATCH_ENTRIES_MAX} entries`))
      return
    }
    const batch = new Batch(this.#host)
    for (const entry of entries) {
      const incoming = readIncoming(entry)
      if (incoming.kind === 'request') {
        this.#run(incoming.method, incoming.params, batch.request(incoming.id, incoming.method))
      } else if (incoming.kind === 'notification') {
        this.#run(incoming.method, incoming.params, batch.notification(incoming.method))
      } else {
        const error =
          incoming.kind === 'invalid'
            ? incoming.error
            : new ChasquiError('INVALID_REQUEST', 'bare tasks cannot be part of a batch')
        this.#host.onBegun()
        batch.request(incoming.kind === 'invalid' ? incoming.id : null, '').fail(error)
      }
    }
    batch.begun()
  }

  #run(method: string, params: Params, call: Call): void {
    this.#guard(call, () => {
      const command = COMMANDS.get(method)
      if (command === undefined)
        throw new ChasquiError('METHOD_NOT_FOUND', `there is no method ${quoted(method)}`)
      this.#host.demand(command.right)
      if (command.checksParams !== true) checkParams(method, command, params)
      // Nothing overtakes what the same connection asked before it.
      if (!JOINED.has(method)) this.#host.flushTurn()
      command.run(this.#host, params, call)
    })
  }

  /** Begins a call; whatever it throws is its answer. */
  #guard(call: Call, begin: (call: Call) => void): void {
    this.#host.onBegun()
    if (this.#host.isClosing) {
      call.fail(new ChasquiError('SHUTTING_DOWN', 'the server is stopping'))
      return
    }
    try {
      begin(call)
    } catch (error) {
      call.fail(error)
    }
  }

  // ---- what goes wrong --------------------------------------------------------------------------------------

  /** A message that cannot be understood; the next one may be. */
  refuse(error: ChasquiError): void {
    this.#host.onBadMessage(error)
    this.#host.send(this.errorText(error))
  }

  /** Of what belongs to no request. */
  errorText(error: ChasquiError): string {
    if (this.#dialect === 'rpc') return errorReplyText(null, error)
    return this.#dialect === 'bare' ? bareErrorText(error) : mixedErrorText(error)
  }
}

function quoted(method: string): string {
  return JSON.stringify(method.length > 64 ? `${method.slice(0, 64)}…` : method)
}
