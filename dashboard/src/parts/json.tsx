/**
 * A JSON value to read and to copy. Long ones are cut for the eye, never for the copy.
 *
 * Made of text nodes only: whatever a payload holds is shown and never understood as markup.
 */

import { useState } from 'preact/hooks'
import { bytes } from '../look/figures.ts'
import { t } from '../words/words.ts'
import { CopyButton } from './copy.tsx'

/** More is not read, and colouring it would be felt. */
const SHOWN_LENGTH = 20_000
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

export function Json({ value, label }: { readonly value: unknown; readonly label: string }) {
  const [isWhole, setWhole] = useState(false)
  const text = JSON.stringify(value, null, 2) ?? 'undefined'
  const isCut = text.length > SHOWN_LENGTH
  const shown = isCut && !isWhole ? text.slice(0, SHOWN_LENGTH) : text
  return (
    <div class="json">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard, too */}
      <section class="scroll-text" tabIndex={0} aria-label={label}>
        <pre>
          {isWhole && isCut ? shown : coloured(shown)}
          {isCut && !isWhole ? '…' : ''}
        </pre>
      </section>
      <div class="json-tools">
        <CopyButton text={text} what={label} />
        {isCut && !isWhole && (
          <button type="button" class="quiet" onClick={() => setWhole(true)}>
            {t('json.whole', { size: bytes(text.length) })}
          </button>
        )}
      </div>
    </div>
  )
}

function coloured(text: string) {
  const parts = []
  let at = 0
  for (const match of text.matchAll(TOKEN)) {
    const [token, string, colon, word] = match
    if (match.index > at) parts.push(text.slice(at, match.index))
    const kind =
      string === undefined ? (word === undefined ? 'number' : 'word') : colon === undefined ? 'string' : 'key'
    parts.push(<span class={`json-${kind}`}>{string ?? token}</span>)
    if (colon !== undefined) parts.push(colon)
    at = match.index + token.length
  }
  parts.push(text.slice(at))
  return parts
}
