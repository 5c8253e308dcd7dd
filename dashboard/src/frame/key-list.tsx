/** The keys of the page, for whoever asks with `?`. */

import { useEffect, useRef } from 'preact/hooks'
import { Icon } from '../parts/icon.tsx'
import { t } from '../words/words.ts'
import { isKeyListOpen, SCREEN_KEYS } from './keys.ts'

export function KeyList() {
  const dialog = useRef<HTMLDialogElement>(null)
  const isOpen = isKeyListOpen.value
  useEffect(() => {
    if (isOpen) dialog.current?.showModal()
    else dialog.current?.close()
  }, [isOpen])
  const screens = Object.entries(SCREEN_KEYS) as [keyof typeof SCREEN_KEYS, string][]
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="keys-title"
      onClose={() => {
        isKeyListOpen.value = false
      }}
    >
      <header class="dialog-head">
        <h2 id="keys-title">{t('keys.title')}</h2>
        <button
          type="button"
          class="quiet"
          aria-label={t('receipt.close')}
          onClick={() => dialog.current?.close()}
        >
          <Icon name="cancel" />
        </button>
      </header>
      <dl class="keys">
        {screens.map(([screen, key]) => (
          <div key={screen}>
            <dt>
              <kbd>g</kbd> <kbd>{key}</kbd>
            </dt>
            <dd>{t(`nav.${screen}`)}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>{t('keys.search')}</dd>
        </div>
        <div>
          <dt>
            <kbd>↑</kbd> <kbd>↓</kbd> <kbd>Home</kbd> <kbd>End</kbd>
          </dt>
          <dd>{t('keys.rows')}</dd>
        </div>
        <div>
          <dt>
            <kbd>Enter</kbd>
          </dt>
          <dd>{t('keys.open')}</dd>
        </div>
        <div>
          <dt>
            <kbd>Space</kbd>
          </dt>
          <dd>{t('keys.select')}</dd>
        </div>
      </dl>
    </dialog>
  )
}
