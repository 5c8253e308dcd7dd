/** How numbers, times and sizes are written: short, and always the same. Pure: the language and the time are handed in. */

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** `4 ms`, `1.2 s`, `5 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`: the two largest units. The names of the units are the same in both languages. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 0) return duration(0)
  if (ms < 1) return '< 1 ms'
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`
  if (ms < 10 * SECOND_MS) return `${Number((ms / SECOND_MS).toFixed(1))} s`
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)} s`
  if (ms < HOUR_MS) return two(ms, MINUTE_MS, 'min', SECOND_MS, 's')
  if (ms < DAY_MS) return two(ms, HOUR_MS, 'h', MINUTE_MS, 'min')
  return two(ms, DAY_MS, 'd', HOUR_MS, 'h')
}

function two(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small)
  return `${Math.floor(ms / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`
}

/** A rate for people: `0`, `0.4`, `12`, `20,300`. */
export function perSecond(rate: number, language: string): string {
  const digits = rate > 0 && rate < 10 ? 1 : 0
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(rate)
}

export function count(value: number, language: string): string {
  // Spanish leaves four digits together unless it is told not to; columns of numbers are read more easily alike.
  return new Intl.NumberFormat(language, { useGrouping: 'always' }).format(value)
}

/** `512 B`, `1.5 KiB`, `3 GiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let size = value
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : Number(size.toFixed(1))} ${units[unit]}`
}

/** The time of today; with the day where it was another one. */
export function clockTime(at: string | number, nowMs: number, language: string): string {
  const when = new Date(at)
  const isToday = when.toDateString() === new Date(nowMs).toDateString()
  return new Intl.DateTimeFormat(language, {
    ...(isToday ? {} : { day: '2-digit', month: 'short' }),
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  }).format(when)
}

/** To the millisecond, for a tooltip and for comparing with a log. */
export function exactTime(at: string | number): string {
  return new Date(at).toISOString()
}

/** The first and the last characters of an id: ids made together begin alike. */
export function shortId(id: string): string {
  return id.length <= 20 ? id : `${id.slice(0, 8)}…${id.slice(-8)}`
}
