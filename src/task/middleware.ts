/**
 * Middleware: what stands around every submission of a client and every attempt of a worker, in an order: encryption, tracing,
 * measuring, caching. This file is its form, and how several become one.
 *
 *   your code ─► use[0] ─► use[1] ─► … ─► the wire ─► … ─► use[1] ─► use[0] ─► the handler
 *
 * Invariant: a list reads from your code to the wire, at both ends. So the same list serves a client and a worker, and what one end's last
 * one wrote the other end's last one reads first.
 */

import type { TaskContext, TaskDefinition } from './definition.ts'
import type { Receipt, Submission, TaskRecord } from './task.ts'

/** All parts are optional. One value may be used by any number of clients and workers at the same time. */
export interface Middleware {
  /** For messages. */
  readonly name: string
  /**
   * In the client, around each submission, which is complete and checked by then. Calling `next` twice submits twice; not calling it
   * submits nothing. What it throws `submit` rejects with.
   */
  submit?(submission: Submission, next: (submission: Submission) => Promise<Receipt>): Promise<Receipt>
  /**
   * In the client, each record that it is answered (`result`, `status`, `get`, `list`, `wait`). A ChasquiError that is thrown here is told
   * as `unreadable` in the snapshot, and by `result()`; the others of a list are not affected.
   */
  read?(record: TaskRecord): TaskRecord | Promise<TaskRecord>
  /**
   * In the worker, around each attempt: `data` is what the submitter's side sent, before the input schema has seen it; `next()` resolves with
   * what the handler returned, after the output schema, or rejects with what it threw. Not calling it skips the handler.
   */
  run?(data: unknown, context: TaskContext, next: (data?: unknown) => Promise<unknown>): unknown
  /** What handlers say: messages and stacks of errors, notes of progress, log lines. */
  readonly texts?: TextMiddleware
}

export interface TextMiddleware {
  /** In the worker. The answer may not be longer than `lengthMax`. @param id of the task; null: it cannot be told whose text it is */
  write(text: string, id: string | null, lengthMax: number): string
  /** In the client. Must not throw: what cannot be read is shown as it is, or as a remark. */
  read(text: string, id: string): string
}

export type Use = readonly Middleware[]

/** @throws TypeError when that is no list of middleware; the message is half a sentence */
export function checkUse(value: unknown): Use {
  if (!Array.isArray(value)) throw new TypeError('use must be a list of middleware')
  for (const one of value as readonly Record<string, unknown>[]) {
    if (typeof one !== 'object' || one === null || typeof one.name !== 'string') {
      throw new TypeError('use must be a list of middleware, objects with a name')
    }
    for (const part of ['submit', 'read', 'run']) {
      if (one[part] !== undefined && typeof one[part] !== 'function') {
        throw new TypeError(`${part} of middleware "${one.name}" must be a function`)
      }
    }
  }
  return value as Use
}

export type AroundSubmit = (
  submission: Submission,
  send: (submission: Submission) => Promise<Receipt>,
) => Promise<Receipt>

/** null: none of them has anything to do there, and nothing needs to be paid for. */
export function aroundSubmit(use: Use): AroundSubmit | null {
  const layers = use.filter((one) => one.submit !== undefined)
  if (layers.length === 0) return null
  return (submission, send) => {
    const enter = (at: number, now: Submission): Promise<Receipt> =>
      at === layers.length ? send(now) : layers[at]!.submit!(now, (changed) => enter(at + 1, changed))
    return enter(0, submission)
  }
}

export type AroundRun = (
  data: unknown,
  context: TaskContext,
  handler: (data: unknown) => Promise<unknown>,
) => unknown

export function aroundRun(use: Use): AroundRun | null {
  const layers = use.filter((one) => one.run !== undefined)
  if (layers.length === 0) return null
  return (data, context, handler) => {
    const enter = (at: number, now: unknown): unknown =>
      at < 0 ? handler(now) : layers[at]!.run!(now, context, async (changed = now) => enter(at - 1, changed))
    return enter(layers.length - 1, data)
  }
}

export type ReadRecord = (record: TaskRecord) => TaskRecord | Promise<TaskRecord>

export function readerOf(use: Use): ReadRecord | null {
  const layers = use.filter((one) => one.read !== undefined).reverse()
  if (layers.length === 0) return null
  return (record) => {
    let now: TaskRecord | Promise<TaskRecord> = record
    for (const layer of layers) {
      now = now instanceof Promise ? now.then((read) => layer.read!(read)) : layer.read!(now)
    }
    return now
  }
}

export function textsOf(use: Use): TextMiddleware | null {
  const layers = use.flatMap(({ texts }) => texts ?? [])
  if (layers.length === 0) return null
  return {
    write: (text, id, lengthMax) => layers.reduce((now, layer) => layer.write(now, id, lengthMax), text),
    read: (text, id) => layers.reduceRight((now, layer) => layer.read(now, id), text),
  }
}

/** Middleware of one task type, whose data and result have their types. */
export interface TaskMiddleware<Input, Output> {
  /** Default: that of the task type. */
  readonly name?: string
  submit?(data: Input, next: (data?: Input) => Promise<Receipt>, submission: Submission): Promise<Receipt>
  run?(data: Input, context: TaskContext, next: (data?: Input) => Promise<Output>): Output | Promise<Output>
}

/** Tasks of other types pass by. The types follow from the definition: `data` is what a submitter passes, `next()` what awaiting the task gives. */
export function forTask<Input, Output, Data>(
  { type }: TaskDefinition<Input, Output, Data>,
  { name = type, submit, run }: TaskMiddleware<Input, Output>,
): Middleware {
  return {
    name,
    ...(submit !== undefined && {
      submit(submission, next) {
        if (submission.type !== type) return next(submission)
        const data = JSON.parse(submission.dataText) as Input
        const pass = (changed: Input = data) =>
          next(changed === data ? submission : { ...submission, dataText: JSON.stringify(changed) ?? 'null' })
        return submit(data, pass, submission)
      },
    }),
    ...(run !== undefined && {
      run(data, context, next) {
        if (context.type !== type) return next()
        return run(data as Input, context, next as (data?: Input) => Promise<Output>)
      },
    }),
  }
}
