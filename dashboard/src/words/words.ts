/**
 * The language of the page. All that people read comes from one table (in parts, a screen each), in both languages side by side.
 *
 * Invariant: a key has both languages with the same blanks; a test holds the table to that.
 */

import { effect, signal } from '@preact/signals'
import { keep, kept } from '../look/kept.ts'
import { fill, LANGUAGES, type Language } from './fill.ts'
import { MESSAGES, type MessageKey } from './messages.ts'

const asked = kept('language') ?? navigator.language.slice(0, 2)
export const language = signal<Language>(LANGUAGES.find((name) => name === asked) ?? 'en')

export function applyLanguage(): void {
  effect(() => {
    document.documentElement.lang = language.value
  })
}

export function chooseLanguage(next: Language): void {
  language.value = next
  keep('language', next)
}

/** The message of a key, with its blanks filled. */
export function t(key: MessageKey, blanks: Readonly<Record<string, string | number>> = {}): string {
  return fill(MESSAGES[key], language.value, blanks)
}
