/** Something to say instead of content: that there is none, that it comes, or why it does not. */

import type { ComponentChildren } from 'preact'
import { Refused } from '../api/door.ts'
import { t } from '../words/words.ts'

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

export function Trouble({ error }: { readonly error: unknown }) {
  return (
    <p class="trouble" role="alert">
      {sentenceOf(error)}
    </p>
  )
}

/** What went wrong, in the language of the page where the server's sentence is not the better one. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Refused)) return String(error instanceof Error ? error.message : error)
  if (error.code === 'CONNECTION_LOST') return t('trouble.lost')
  if (error.status === 403) return t('trouble.forbidden')
  return `${error.message} (${error.code})`
}
