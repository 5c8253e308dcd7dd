/** A dialog that only shows something: it has a title and a way to close it, besides Escape. */

import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { t } from '../words/words.ts'
import { Icon } from './icon.tsx'

interface SheetProps {
  /** Follows the dialog: also false when it was closed by its own means. */
  readonly isOpen: Signal<boolean>
  readonly title: string
  readonly class?: string
  readonly children: ComponentChildren
}

export function Sheet({ isOpen, title, class: more = '', children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  const isWanted = isOpen.value
  useEffect(() => {
    if (isWanted) dialog.current?.showModal()
    else dialog.current?.close()
  }, [isWanted])
  return (
    <dialog
      ref={dialog}
      class={`dialog ${more}`.trim()}
      aria-labelledby={titleId}
      onClose={() => {
        isOpen.value = false
      }}
    >
      <header class="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <button
          type="button"
          class="quiet"
          aria-label={t('receipt.close')}
          onClick={() => dialog.current?.close()}
        >
          <Icon name="cancel" />
        </button>
      </header>
      {children}
    </dialog>
  )
}
