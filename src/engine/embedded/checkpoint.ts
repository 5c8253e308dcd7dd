/** The writer's side of the checkpoint thread: starts it, tells it of commits, holds when asked, does without it when it dies. */

import { Worker } from 'node:worker_threads'
import { CELLS, type CheckpointData, COMMIT_COUNT, HOLD_STATE, HOLDING } from './checkpoint-signals.ts'

export interface CheckpointHooks {
  hold(): void
  release(): void
  /** The thread is gone although it should not be. */
  lost(error: unknown): void
}

export class Checkpoint {
  readonly #signals = new Int32Array(new SharedArrayBuffer(CELLS * Int32Array.BYTES_PER_ELEMENT))
  readonly #thread: Worker
  readonly #gone: Promise<void>
  #closing = false

  constructor(path: string, walBytesMax: number, hooks: CheckpointHooks) {
    const data: CheckpointData = { path, signals: this.#signals, walBytesMax }
    const file = import.meta.url.endsWith('.ts') ? './checkpoint-thread.ts' : './checkpoint-thread.js'
    this.#thread = new Worker(new URL(file, import.meta.url), {
      workerData: data,
      name: 'chasqui-checkpoint',
    })
    this.#thread.on('message', (message: 'ready' | 'hold' | 'release') => {
      if (message === 'hold') {
        hooks.hold()
        // Whoever waits for a commit now waits for the thread.
        this.#thread.ref()
        Atomics.store(this.#signals, HOLD_STATE, HOLDING)
        Atomics.notify(this.#signals, HOLD_STATE)
      } else if (message === 'release') {
        this.#thread.unref()
        hooks.release()
      }
    })
    this.#gone = new Promise((resolve) => {
      let cause: unknown
      this.#thread.on('error', (error) => {
        cause = error
      })
      this.#thread.on('exit', () => {
        resolve()
        if (this.#closing) return
        hooks.release()
        hooks.lost(cause)
      })
    })
    // After the listeners, which would hold it again: an engine that nobody closed must not keep a process alive.
    this.#thread.unref()
  }

  committed(): void {
    Atomics.add(this.#signals, COMMIT_COUNT, 1)
    Atomics.notify(this.#signals, COMMIT_COUNT)
  }

  async close(): Promise<void> {
    if (this.#closing) return this.#gone
    this.#closing = true
    this.#thread.ref()
    this.#thread.postMessage('stop')
    this.committed()
    await this.#gone
  }
}
