/**
 * Time zones: how far the clocks of a place are ahead of UTC at an instant, and when that changes. From the tables of the runtime (ICU).
 *
 * A *wall time* is what the clocks of the place show, written as the milliseconds that UTC has when its clocks show the same.
 */

import { ChasquiError } from '../task/errors.ts'

/**
 * Longest look for a change of the clocks around an instant. No place has changed them twice within it, nor by more (a day, where a place moved
 * over the date line).
 */
export const CHANGE_WINDOW_MS = 26 * 3_600_000

const DAY_MS = 86_400_000
/** Days that are remembered of a zone: the runtime takes ten times as long to look one up. */
const DAYS_KEPT = 4_096

/** What is known of one zone. */
class Zone {
  readonly #format: Intl.DateTimeFormat
  readonly #days = new Map<number, number>()

  constructor(timezone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  }

  offsetMsAt(atMs: number): number {
    const day = Math.floor(atMs / DAY_MS)
    const offsetMs = this.#atBeginningOf(day)
    return offsetMs === this.#atBeginningOf(day + 1) ? offsetMs : this.#lookUp(atMs)
  }

  #atBeginningOf(day: number): number {
    let offsetMs = this.#days.get(day)
    if (offsetMs === undefined) {
      if (this.#days.size >= DAYS_KEPT) this.#days.clear()
      offsetMs = this.#lookUp(day * DAY_MS)
      this.#days.set(day, offsetMs)
    }
    return offsetMs
  }

  #lookUp(atMs: number): number {
    // `3/29/2026, 03:00:00`
    const shown = this.#format.format(atMs).split(/\D+/)
    const [month, day, year, hour, minute, second] = shown.map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000
  }
}

/** There are a few hundred. */
const zones = new Map<string, Zone>()

function zoneOf(timezone: string): Zone {
  let zone = zones.get(timezone)
  if (zone === undefined) {
    try {
      zone = new Zone(timezone)
    } catch (cause) {
      throw new ChasquiError(
        'INVALID_PARAMS',
        'timezone must be one of the IANA list, such as Europe/Berlin',
        {
          cause,
          details: { field: 'timezone' },
        },
      )
    }
    zones.set(timezone, zone)
  }
  return zone
}

/** Throws INVALID_PARAMS when there is no such zone. */
export function checkTimezone(timezone: string): void {
  zoneOf(timezone)
}

/** Wall time minus UTC, at an instant. */
export function offsetMsAt(timezone: string, atMs: number): number {
  return zoneOf(timezone).offsetMsAt(atMs)
}

/** The clocks of a place are changed. */
export interface Change {
  /** The first instant with the new offset. */
  readonly atMs: number
  readonly beforeMs: number
  readonly afterMs: number
}

/** The change after `fromMs` and not after `toMs`, which lie no further apart than CHANGE_WINDOW_MS; null: there is none. */
export function changeBetween(timezone: string, fromMs: number, toMs: number): Change | null {
  const beforeMs = offsetMsAt(timezone, fromMs)
  const afterMs = offsetMsAt(timezone, toMs)
  if (beforeMs === afterMs) return null
  let [low, high] = [fromMs, toMs]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetMsAt(timezone, middle) === beforeMs) low = middle
    else high = middle
  }
  return { atMs: high, beforeMs, afterMs }
}
