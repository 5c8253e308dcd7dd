/** The progress bar of long submits and waits: on standard error, and only where that is a terminal. */

import { Presets, SingleBar } from 'cli-progress'

export interface ProgressBar {
  show(done: number): void
  /** Takes the bar off the screen. Repeatable. */
  close(): void
}

/** @param total 0: no bar; null: not known */
export function openProgress(total: number | null, what: string): ProgressBar {
  if (total === 0 || process.stderr.isTTY !== true) return { show() {}, close() {} }
  const format =
    total === null
      ? ` {value} ${what} | {duration_formatted}`
      : ` {bar} {percentage}% | {value}/{total} ${what} | {duration_formatted}, left {eta_formatted}`
  const bar = new SingleBar(
    { format, stream: process.stderr, clearOnComplete: true, etaBuffer: 10_000, fps: 10 },
    Presets.shades_classic,
  )
  bar.start(total ?? 0, 0)
  let isOpen = true
  return {
    show(done) {
      if (isOpen) bar.update(done)
    },
    close() {
      if (isOpen) bar.stop()
      isOpen = false
    },
  }
}
