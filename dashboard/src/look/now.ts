/** The time that ages on the screen are counted from: one tick a second for all of them, none while nobody looks. */

import { signal } from '@preact/signals'

const TICK_MS = 1_000

export const nowMs = signal(Date.now())

setInterval(() => {
  if (document.visibilityState === 'visible') nowMs.value = Date.now()
}, TICK_MS)
