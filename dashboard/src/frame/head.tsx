/** Above each screen: its title, whether what it shows is live, and how the page looks and speaks. */

import { attempt, receipts } from '../acts/acts.ts'
import { identity, logout } from '../api/session.ts'
import { shownShare, stream } from '../live/events.ts'
import { contact, trouble } from '../live/stats.ts'
import { chooseTheme, THEMES, type Theme, theme } from '../look/theme.ts'
import { Icon } from '../parts/icon.tsx'
import { LANGUAGES, type Language } from '../words/fill.ts'
import { chooseLanguage, language, t } from '../words/words.ts'
import { isKeyListOpen } from './keys.ts'
import { isReceiptListOpen } from './receipts.tsx'

const THEME_ICONS = { system: 'system', light: 'sun', dark: 'moon' } as const

export function Head({ title }: { readonly title: string }) {
  return (
    <header class="head">
      <h1 title={title}>{title}</h1>
      <Contact />
      <div class="head-tools">
        <LanguageChoice />
        <button
          type="button"
          class="quiet tool"
          aria-label={t('theme.choose', { theme: t(`theme.${theme.value}`) })}
          title={t(`theme.${theme.value}`)}
          onClick={() => chooseTheme(nextTheme(theme.value))}
        >
          <Icon name={THEME_ICONS[theme.value]} />
        </button>
        <button
          type="button"
          class="quiet tool only-wide"
          aria-label={t('keys.title')}
          title={t('keys.title')}
          onClick={() => {
            isKeyListOpen.value = true
          }}
        >
          <Icon name="keys" />
        </button>
        <button
          type="button"
          class="quiet tool"
          aria-label={t('receipt.all')}
          title={t('receipt.all')}
          onClick={() => {
            isReceiptListOpen.value = true
          }}
        >
          <Icon name="receipt" />
          {receipts.value.length > 0 && <span class="pill">{receipts.value.length}</span>}
        </button>
        {identity.value !== null && (
          <button
            type="button"
            class="quiet tool"
            aria-label={t('login.leave')}
            title={`${t('login.leave')}: ${identity.value}`}
            onClick={() => void attempt(t('login.leave'), logout)}
          >
            <Icon name="leave" />
          </button>
        )}
      </div>
    </header>
  )
}

function nextTheme(now: Theme): Theme {
  return THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]!
}

function LanguageChoice() {
  return (
    <select
      class="tool"
      aria-label={t('language.choose')}
      value={language.value}
      onChange={({ currentTarget }) => chooseLanguage(currentTarget.value as Language)}
    >
      {LANGUAGES.map((name) => (
        <option key={name} value={name}>
          {name.toUpperCase()}
        </option>
      ))}
    </select>
  )
}

/** One line about how true the screen is: live, sampled, or the last that was known. */
function Contact() {
  const isLost = contact.value === 'lost'
  const isSampled = stream.value === 'open' && shownShare.value < 0.99
  const said = isLost
    ? t('contact.lost')
    : isSampled
      ? t('contact.sampled', { share: `${Math.max(1, Math.round(shownShare.value * 100))} %` })
      : contact.value === 'waiting'
        ? t('contact.waiting')
        : t('contact.live')
  const kind = isLost ? 'lost' : isSampled ? 'sampled' : contact.value
  return (
    <p class={`contact contact-${kind}`} role="status" title={isLost ? trouble.value : ''}>
      <span class="dot" aria-hidden="true" />
      {said}
    </p>
  )
}
