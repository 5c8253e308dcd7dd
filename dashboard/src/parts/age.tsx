/** A time as people ask for it: how long ago, or how long until. The exact one is in the tooltip. */

import { clockTime, duration, exactTime } from '../look/figures.ts'
import { nowMs } from '../look/now.ts'
import { language, t } from '../words/words.ts'

export function Age({ at }: { readonly at: string }) {
  const ms = nowMs.value - Date.parse(at)
  // A moment ago by the clock of the server may be a moment ahead by ours.
  const text =
    ms >= -1_000 ? t('time.ago', { duration: roundly(ms) }) : t('time.until', { duration: roundly(-ms) })
  return (
    <time dateTime={at} title={exactTime(at)}>
      {text}
    </time>
  )
}

export function Clock({ at }: { readonly at: string }) {
  return (
    <time dateTime={at} title={exactTime(at)}>
      {clockTime(at, nowMs.value, language.value)}
    </time>
  )
}

/** It changes once a second at most. */
function roundly(ms: number): string {
  return duration(Math.max(0, Math.round(ms / 1_000)) * 1_000 || 1_000)
}
