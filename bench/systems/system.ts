/** What a measured system offers, so that one procedure measures ours and its peers. */

import type { Child } from '../children.ts'

export interface System {
  readonly name: string
  /** When a confirmed task is on disk: what a reader must know before comparing. */
  readonly durable: string
  /** Tasks that are queued before a drain of full length, and for the bulk cell: about three seconds of work. */
  readonly drainTasks: number
  readonly bulkTasks: number
  /** Tasks of one bulk call, and calls under way at a time. */
  readonly bulkChunk: number
  readonly bulkCalls: number
  /** Starts a server of its own, on a free port, with its store in an empty folder. */
  start(context: Context): Promise<Running>
}

export interface Context {
  readonly folder: string
  readonly workers: number
  /** Node's arguments for a process of this role: profiling. */
  execArgv(role: string): readonly string[]
}

export interface Running {
  /** By role: server, producer, worker. Processes that are not started yet are not in it. */
  pids(): Record<string, number>
  startProducer(): Promise<Child>
  startWorkers(): Promise<void>
  stopWorkers(): Promise<void>
  /** Tasks whose result is recorded, since the server's start. */
  settled(): Promise<number>
  /** kill -9 of the server. */
  crash(): Promise<void>
  /** Starts the server again on what the crash left; resolves when it answers. */
  restart(): Promise<void>
  /** Where the store is a database server: somebody else's transaction, which has read and is left open until the answer is called. */
  holdTransaction?(): Promise<() => Promise<void>>
  stop(): Promise<void>
}
