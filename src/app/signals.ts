/**
 * How a server is told to stop. The first SIGTERM or Ctrl-C drains; the second ends the process at once.
 *
 * A process that was started by `chasqui up` also drains when its standard input ends: that is how it notices that its parent is gone,
 * whatever the parent died of.
 */

/** Process exit codes of a server; the whole table is in cli/exit-codes.ts. */
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const

/** One Ctrl-C may arrive twice: from the terminal, and handed on by npm. Within this time it is the same one. */
const ECHO_MS = 300

export type StopReason = 'SIGINT' | 'SIGTERM' | 'parent'

export interface StopRequest {
  /** Resolves at the first request to stop. */
  readonly stopped: Promise<StopReason>
  /** Removes the handlers. */
  close(): void
}

export interface StopRequestOptions {
  /** Standard input belongs to the parent; its end means that the parent is gone. */
  readonly untilInputEnds: boolean
  /** The second request: must end the process. */
  readonly stopNow: (exitCode: number) => void
}

export function listenForStop({ untilInputEnds, stopNow }: StopRequestOptions): StopRequest {
  const { promise: stopped, resolve } = Promise.withResolvers<StopReason>()
  let askedAtMs: number | null = null
  const ask = (reason: StopReason) => {
    const nowMs = performance.now()
    if (askedAtMs === null) {
      askedAtMs = nowMs
      resolve(reason)
    } else if (reason !== 'parent' && nowMs - askedAtMs > ECHO_MS) {
      stopNow(128 + SIGNAL_NUMBERS[reason])
    }
  }
  const onInterrupt = () => ask('SIGINT')
  const onTerminate = () => ask('SIGTERM')
  const onInputEnd = () => ask('parent')
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onTerminate)
  if (untilInputEnds) {
    process.stdin.on('end', onInputEnd).on('error', onInputEnd)
    process.stdin.resume()
  }
  return {
    stopped,
    close() {
      process.off('SIGINT', onInterrupt)
      process.off('SIGTERM', onTerminate)
      process.stdin.off('end', onInputEnd).off('error', onInputEnd)
      if (untilInputEnds) process.stdin.pause()
    },
  }
}
