/** The question before something is destroyed. The browser's own dialog: it holds the focus, and Escape means no. */

import { useEffect, useRef } from 'preact/hooks'
import { question } from '../acts/acts.ts'
import { t } from '../words/words.ts'

export function QuestionDialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  const asked = question.value
  useEffect(() => {
    if (asked !== null && dialog.current?.open === false) dialog.current.showModal()
  }, [asked])
  if (asked === null) return null
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="question-title"
      aria-describedby="question-text"
      onClose={() => asked.answer(false)}
    >
      <h2 id="question-title">{asked.title}</h2>
      <p id="question-text">{asked.text}</p>
      <div class="dialog-buttons">
        {/* First, so that it has the focus: an Enter that was meant for something else destroys nothing. */}
        <button type="button" onClick={() => asked.answer(false)}>
          {t('question.no')}
        </button>
        <button
          type="button"
          class={asked.isDestructive ? 'danger' : 'primary'}
          onClick={() => asked.answer(true)}
        >
          {asked.yes}
        </button>
      </div>
    </dialog>
  )
}
