/** The memory of this process, for tests that promise not to need more of it. */

import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose_gc')
export const collectGarbage = runInNewContext('gc') as () => void

export function heapBytes(): number {
  return process.memoryUsage().heapUsed
}

/** Of the process now and at its highest. */
export function rssText(): string {
  const mib = (bytes: number) => Math.round(bytes / 1024 ** 2)
  return `RSS ${mib(process.memoryUsage().rss)} MiB, at most ${mib(process.resourceUsage().maxRSS * 1024)} MiB`
}

/** Resident memory of another process; null where the system does not say. */
export function rssBytesOf(pid: number): number | null {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kib === undefined ? null : Number(kib) * 1024
  } catch {
    return null
  }
}
