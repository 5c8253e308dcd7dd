/**
 * SIGUSR2: the log shows everything, and at the next one again what the settings say. For a look into a system that runs, without a restart.
 * Where the operating system has no such signal nothing happens.
 */

import type { Log, LogThreshold } from '../telemetry/log.ts'

const SIGNAL = 'SIGUSR2'

export function listenForLogLevel(log: Log, configured: LogThreshold): { close(): void } {
  const usual = configured === 'debug' ? 'info' : configured
  const onSignal = () => {
    const level = log.level === 'debug' ? usual : 'debug'
    const say = () => log.event('log.level', { level })
    // Said while it can be seen.
    if (level !== 'debug') say()
    log.level = level
    if (level === 'debug') say()
  }
  return listen(onSignal)
}

/** So that the processes of a role hear it with the role. */
export function passOnLogLevel(pids: () => readonly number[]): { close(): void } {
  return listen(() => {
    for (const pid of pids()) {
      try {
        process.kill(pid, SIGNAL)
      } catch {
        // It has just ended.
      }
    }
  })
}

function listen(onSignal: () => void): { close(): void } {
  process.on(SIGNAL, onSignal)
  return { close: () => void process.off(SIGNAL, onSignal) }
}
