/** What was done, and what became of it: the newest receipt comes up by itself, all of them are in a list. */

import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { type Receipt, receipts } from '../acts/acts.ts'
import { clockTime } from '../look/figures.ts'
import { nowMs } from '../look/now.ts'
import { Icon } from '../parts/icon.tsx'
import { Sheet } from '../parts/sheet.tsx'
import { writeAddress } from '../route/address.ts'
import { language, t } from '../words/words.ts'

export const isReceiptListOpen = signal(false)
/** The newest stays in sight for so long; one that failed until it is put away. */
const SHOWN_MS = 8_000
const dismissed = signal(0)

export function NewestReceipt() {
  const newest = receipts.value[0]
  const isShown = newest !== undefined && newest.number > dismissed.value && !isReceiptListOpen.value
  useEffect(() => {
    if (newest === undefined || newest.isFailure) return
    const timer = setTimeout(() => {
      dismissed.value = Math.max(dismissed.value, newest.number)
    }, SHOWN_MS)
    return () => clearTimeout(timer)
  }, [newest])
  return (
    <div class="toasts" role="status" aria-live="polite">
      {isShown && (
        <div class={newest.isFailure ? 'toast toast-failure' : 'toast'}>
          <ReceiptText receipt={newest} linesMax={4} />
          <button
            type="button"
            class="quiet"
            aria-label={t('receipt.close')}
            onClick={() => {
              dismissed.value = newest.number
            }}
          >
            <Icon name="cancel" />
          </button>
        </div>
      )}
    </div>
  )
}

export function ReceiptList() {
  return (
    <Sheet isOpen={isReceiptListOpen} title={t('receipt.all')} class="dialog-side">
      {receipts.value.length === 0 && <p class="empty">{t('receipt.none')}</p>}
      <ol class="receipts">
        {receipts.value.map((receipt) => (
          <li key={receipt.number} class={receipt.isFailure ? 'receipt receipt-failure' : 'receipt'}>
            <span class="soft">{clockTime(receipt.atMs, nowMs.value, language.value)}</span>
            <ReceiptText receipt={receipt} linesMax={Number.POSITIVE_INFINITY} />
          </li>
        ))}
      </ol>
    </Sheet>
  )
}

function ReceiptText({ receipt, linesMax }: { readonly receipt: Receipt; readonly linesMax: number }) {
  const close = () => {
    isReceiptListOpen.value = false
  }
  return (
    <div class="receipt-text">
      <strong>{receipt.title}</strong>
      {receipt.lines.length > 0 && (
        <ul>
          {receipt.lines.slice(0, linesMax).map(({ id, text }) => (
            <li key={`${id} ${text}`}>
              {id !== undefined && (
                <a class="mono" href={writeAddress('task', { id })} onClick={close}>
                  {id}
                </a>
              )}{' '}
              {text}
            </li>
          ))}
        </ul>
      )}
      {receipt.lines.length > linesMax && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            isReceiptListOpen.value = true
          }}
        >
          {t('receipt.showAll', { count: receipt.lines.length })}
        </button>
      )}
    </div>
  )
}
