/** Light, dark, or what the system says. The colours are in style/tokens.css; whoever draws on a canvas listens to `shade`. */

import { computed, effect, signal } from '@preact/signals'
import { keep, kept } from './kept.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const dark = matchMedia('(prefers-color-scheme: dark)')
const isSystemDark = signal(dark.matches)
dark.addEventListener('change', () => {
  isSystemDark.value = dark.matches
})

const before = kept('theme')
export const theme = signal<Theme>(THEMES.find((name) => name === before) ?? 'system')

/** What is really shown. */
export const shade = computed(() =>
  theme.value === 'system' ? (isSystemDark.value ? 'dark' : 'light') : theme.value,
)

export function applyTheme(): void {
  effect(() => {
    document.documentElement.dataset.theme = theme.value
  })
}

export function chooseTheme(next: Theme): void {
  theme.value = next
  keep('theme', next)
}

/** A colour of the theme, for a canvas. */
export function colour(name: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const value = getComputedStyle(probe).color
  probe.remove()
  return value
}
