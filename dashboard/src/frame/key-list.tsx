/** The keys of the page, for whoever asks with `?`. */

import { Sheet } from '../parts/sheet.tsx'
import { t } from '../words/words.ts'
import { isKeyListOpen, SCREEN_KEYS } from './keys.ts'

export function KeyList() {
  const screens = Object.entries(SCREEN_KEYS) as [keyof typeof SCREEN_KEYS, string][]
  return (
    <Sheet isOpen={isKeyListOpen} title={t('keys.title')}>
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
    </Sheet>
  )
}
