/** The state of a task: a word and a dot. The colour only repeats what the word says. */

import type { TaskState } from '../../../src/task/lifecycle.ts'
import { t } from '../words/words.ts'

export function StateMark({ state }: { readonly state: TaskState }) {
  return (
    <span class={`state state-${state}`}>
      <span class="dot" aria-hidden="true" />
      {t(`state.${state}`)}
    </span>
  )
}
