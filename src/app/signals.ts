/**
 * How a server is told to stop. The first SIGTERM or Ctrl-C asks it to drain, the second to stop now, the third ends the process where it
 * stands.
 *
 * A process that was started by `chasqui up` also drains when its standard input ends: that is how it notices that its parent is gone,
 * whatever the parent died of.
 */

import { SIGNAL_ECHO_MS } from '../task/limits.ts'

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const

export type StopReason = 'SIGINT' | 'SIGTERM' | 'parent'

export interface StopRequests {
  /** Resolves at the first request. */
  readonly drain: Promise<StopReason>
  /** Resolves at the second one, with the exit code of a process that was ended by it. */
  readonly now: Promise<number>
  /** Stops listening. */
  close(): void
}

/** @param untilInputEnds standard input belongs to the parent; its end means that the parent is gone */
export function listenForStop({ untilInputEnds }: { readonly untilInputEnds: boolean }): StopRequests {
  const drain = Promise.withResolvers<StopReason>()
  const now = Promise.withResolvers<number>()
  let signals = 0
  let lastMs = Number.NEGATIVE_INFINITY
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    // One Ctrl-C may arrive twice: from the terminal, and handed on by npm.
    const atMs = performance.now()
    if (atMs - lastMs < SIGNAL_ECHO_MS) return
    lastMs = atMs
    const exitCode = 128 + SIGNAL_NUMBERS[signal]
    signals++
    drain.resolve(signal)
    if (signals === 2) now.resolve(exitCode)
    if (signals > 2) process.exit(exitCode)
  }
  const onInputEnd = () => drain.resolve('parent')
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  if (untilInputEnds) process.stdin.on('end', onInputEnd).on('error', onInputEnd).resume()
  return {
    drain: drain.promise,
    now: now.promise,
    close() {
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
      if (untilInputEnds) process.stdin.off('end', onInputEnd).off('error', onInputEnd).pause()
    },
  }
}
