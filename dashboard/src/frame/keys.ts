/**
 * Keys that work everywhere: `g` and a letter goes to a screen, `/` to the first filter, `?` shows them all.
 *
 * Invariant: a key that somebody types into a field, or with Ctrl, Alt or Meta, is never ours.
 */

import { signal } from '@preact/signals'
import type { Screen } from '../route/address.ts'
import { go } from '../route/route.ts'

export const isKeyListOpen = signal(false)

export const SCREEN_KEYS: Readonly<Record<Exclude<Screen, 'task'>, string>> = {
  overview: 'o',
  tasks: 't',
  dead: 'd',
  workers: 'w',
  queues: 'q',
  submit: 's',
}

/** Between `g` and the letter. */
const SECOND_KEY_MS = 1_500
let goUntilMs = 0

export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.altKey || event.metaKey || isTyped(event.target)) return
  if (document.querySelector('dialog[open]') !== null) return
  if (performance.now() < goUntilMs) {
    goUntilMs = 0
    const found = Object.entries(SCREEN_KEYS).find(([, key]) => key === event.key)
    if (found === undefined) return
    event.preventDefault()
    go(found[0] as Screen)
  } else if (event.key === 'g') {
    goUntilMs = performance.now() + SECOND_KEY_MS
  } else if (event.key === '/') {
    event.preventDefault()
    document.querySelector<HTMLElement>('[data-search]')?.focus()
  } else if (event.key === '?') {
    isKeyListOpen.value = true
  }
}

function isTyped(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]')
}
