/** Who are you? Shown as soon as the server asks. The token goes to the server and is kept nowhere in the page. */

import { useState } from 'preact/hooks'
import { Refused } from '../api/door.ts'
import { login } from '../api/session.ts'
import { duration } from '../look/figures.ts'
import { Field } from '../parts/field.tsx'
import { sentenceOf } from '../parts/notice.tsx'
import { t } from '../words/words.ts'

export function LoginScreen() {
  const [error, setError] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  const enter = async (form: HTMLFormElement) => {
    const token = String(new FormData(form).get('token') ?? '').trim()
    if (token === '') return
    setBusy(true)
    setError(null)
    try {
      await login(token)
    } catch (failure) {
      setError(failure)
      setBusy(false)
    }
  }
  return (
    <main class="login" id="content">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault()
          void enter(event.currentTarget)
        }}
      >
        <h1 class="brand">
          <img src="./icon.svg" alt="" width="30" height="30" /> Chasqui
        </h1>
        <p>{t('login.why')}</p>
        <Field label={t('login.token')} hint={t('login.hint')}>
          {(id) => (
            <input
              id={id}
              name="token"
              type="password"
              autocomplete="current-password"
              required
              autofocus
              aria-invalid={error !== null}
            />
          )}
        </Field>
        {error !== null && (
          <p class="trouble" role="alert">
            {said(error)}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy}>
          {t('login.enter')}
        </button>
      </form>
    </main>
  )
}

function said(error: unknown): string {
  if (error instanceof Refused && error.status === 401) return t('login.wrong')
  if (error instanceof Refused && error.retryAfterMs !== null) {
    return t('login.slow', { duration: duration(error.retryAfterMs) })
  }
  return sentenceOf(error)
}
