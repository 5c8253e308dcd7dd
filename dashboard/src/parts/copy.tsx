/** Copies a text, and says that it did. */

import { useState } from 'preact/hooks'
import { t } from '../words/words.ts'
import { Icon } from './icon.tsx'

const SAID_MS = 1_500

export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [isDone, setDone] = useState(false)
  const copy = async () => {
    await copyText(text)
    setDone(true)
    setTimeout(() => setDone(false), SAID_MS)
  }
  return (
    <button type="button" class="quiet" aria-label={t('copy.what', { what })} onClick={() => void copy()}>
      <Icon name="copy" />
      <span aria-live="polite">{isDone ? t('copy.done') : t('copy.copy')}</span>
    </button>
  )
}

/** The clipboard of browsers is there on HTTPS and on this machine only; elsewhere the old way still works. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return await navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}
