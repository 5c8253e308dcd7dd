/** What the system knows of a process: CPU time and memory, from /proc. Elsewhere than on Linux both are NaN and left out of tables. */

import { readFileSync } from 'node:fs'

/** The kernel counts in hundredths of a second for programs, whatever it runs at itself (man 5 proc). */
const TICK_MS = 10

export function cpuMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name, which may contain anything; fields 14 and 15 of the whole.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return Number.NaN
  }
}

export function memoryMib(pid: number): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return Number(line?.[1] ?? Number.NaN) / 1_024
  } catch {
    return Number.NaN
  }
}

/** Time that all cores of the machine were busy, whoever it was. */
function machineBusyMs(): number {
  try {
    // man 5 proc: user, nice, system, idle, iowait, irq, softirq, steal, …
    const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/).slice(1).map(Number)
    const [user, nice, system, , , irq, softirq, steal] = fields as [...number[]] & { length: 8 }
    return (user! + nice! + system! + irq! + softirq! + steal!) * TICK_MS
  } catch {
    return Number.NaN
  }
}

/**
 * CPU of processes by role while something is measured, in percent of one core. `others` is what everybody else on the machine used
 * meanwhile, the kernel's own threads and this process included: more than a little, and the figure says more about them than about us.
 */
export function watchCpu(pids: Readonly<Record<string, number>>): () => Record<string, number> {
  const startedMs = performance.now()
  const busyBeforeMs = machineBusyMs()
  const before = Object.entries(pids).map(([role, pid]) => [role, pid, cpuMs(pid)] as const)
  return () => {
    const tookMs = performance.now() - startedMs
    const used = before.map(([role, pid, ms]) => [role, cpuMs(pid) - ms] as const)
    const othersMs = used.reduce((rest, [, ms]) => rest - ms, machineBusyMs() - busyBeforeMs)
    const percent = (ms: number) => (100 * Math.max(0, ms)) / tookMs
    return Object.fromEntries(
      [...used, ['others', othersMs] as const].map(([role, ms]) => [`cpu.${role}`, percent(ms)]),
    )
  }
}
