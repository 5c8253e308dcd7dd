/** Why a task is not running, or why it ended: the reasons of the server, in the language of the page. */

import { useEffect, useState } from 'preact/hooks'
import { isFinal } from '../../../src/task/lifecycle.ts'
import type { Explanation, TaskRecord } from '../api/shapes.ts'
import { explainTask } from '../api/tasks.ts'
import { clockTime } from '../look/figures.ts'
import { nowMs } from '../look/now.ts'
import { language, t } from '../words/words.ts'
import { whyBlanks } from './why-blanks.ts'

/** What waits may wait for something else a little later. */
const LOOK_MS = 3_000

export function Why({ record: { id, state, attempt } }: { readonly record: TaskRecord }) {
  const [explanation, setExplanation] = useState<Explanation | null>(null)
  const asked = `${id} ${state} ${attempt}`
  useEffect(() => {
    const stop = new AbortController()
    const look = () => {
      if (document.visibilityState !== 'visible') return
      explainTask(id, stop.signal)
        .then(setExplanation)
        // A task that is gone, or a server that is away, is said elsewhere on the screen.
        .catch(() => {})
    }
    look()
    const timer = isFinal(state) ? null : setInterval(look, LOOK_MS)
    return () => {
      stop.abort()
      if (timer !== null) clearInterval(timer)
    }
  }, [asked])
  if (explanation === null || state === 'succeeded') return null
  return (
    <section class="panel why" aria-labelledby="why-title">
      <h2 id="why-title">{isFinal(state) ? t('task.whyEnded') : t('task.why')}</h2>
      <ul>
        {explanation.reasons.map((reason) => (
          <li key={reason.kind} title={reason.message}>
            {t(`why.${reason.kind}`, whyBlanks(reason, nowMs.value))}
            {reason.until !== undefined && (
              <span class="soft"> {clockTime(reason.until, nowMs.value, language.value)}</span>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
