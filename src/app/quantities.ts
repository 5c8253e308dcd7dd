/**
 * Durations and sizes as people write them (`200ms`, `5s`, `1.5h`, `16MiB`), read and written in this one place: settings, flags and
 * screens all go through here.
 *
 * Inside the program they are whole numbers of milliseconds or bytes.
 */

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE_UNITS = {
  b: 1,
  kb: 1_000,
  mb: 1_000_000,
  gb: 1_000_000_000,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
} as const

/** For messages and help. */
export const DURATION_FORM = 'a duration like 200ms, 5s, 10m, 2h or 1d'
export const SIZE_FORM = 'a size like 512KiB, 16MiB or 1GiB'

/** Whole milliseconds; null when it is none. A number without a unit is none, except 0: it could be seconds as well. */
export function parseDuration(text: string): number | null {
  return parse(text, DURATION_UNITS)
}

/** Whole bytes; null when it is none. */
export function parseSize(text: string): number | null {
  return parse(text, SIZE_UNITS)
}

function parse(text: string, units: Readonly<Record<string, number>>): number | null {
  if (text.trim() === '0') return 0
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim())
  if (match === null) return null
  const unit = units[match[2]!.toLowerCase()]
  if (unit === undefined) return null
  const value = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(value) ? value : null
}

/** Exact and short: 90000 is `90s`, 5400000 is `90m`. Reads back as the same number. */
export function formatDuration(ms: number): string {
  return exact(ms, [
    ['d', DURATION_UNITS.d],
    ['h', DURATION_UNITS.h],
    ['m', DURATION_UNITS.m],
    ['s', DURATION_UNITS.s],
    ['ms', 1],
  ])
}

/** Exact and short: 16777216 is `16MiB`. Reads back as the same number. */
export function formatSize(bytes: number): string {
  return exact(bytes, [
    ['GiB', SIZE_UNITS.gib],
    ['MiB', SIZE_UNITS.mib],
    ['KiB', SIZE_UNITS.kib],
    ['B', 1],
  ])
}

function exact(value: number, units: readonly (readonly [string, number])[]): string {
  const fitting = units.find(([, factor]) => value >= factor && value % factor === 0) ?? units.at(-1)!
  return `${value / fitting[1]}${fitting[0]}`
}

/** Rounded, for screens: `3m 20s`, `1.4 s`, `12 ms`. */
export function roughDuration(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`
  const seconds = Math.round(ms / 1_000)
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 1_440) return `${Math.floor(minutes / 60)}h ${minutes % 60}m`
  const hours = Math.round(minutes / 60)
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/** Rounded, for screens: `1.4 MiB`. */
export function roughSize(bytes: number): string {
  for (const [unit, factor] of [
    ['GiB', SIZE_UNITS.gib],
    ['MiB', SIZE_UNITS.mib],
    ['KiB', SIZE_UNITS.kib],
  ] as const) {
    if (bytes >= factor) return `${(bytes / factor).toFixed(1)} ${unit}`
  }
  return `${bytes} B`
}
