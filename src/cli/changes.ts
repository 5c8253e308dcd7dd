/** What cancel and retry answer: which tasks changed, and what state each is really in. */

import type { Change } from '../engine/engine.ts'
import type { TaskState } from '../task/lifecycle.ts'
import type { ExitName } from './exit-codes.ts'
import { coloredState } from './records.ts'
import { type Screen, shortText } from './screen.ts'

export function showChange(id: string, change: Change | null, wanted: TaskState, screen: Screen): void {
  if (screen.json) screen.value(change ?? { id, state: null, changed: false })
  else if (change === null) screen.note(`There is no task ${shortText(id, 128)}.`)
  else {
    const remark = change.changed ? '' : change.state === wanted ? ' (already)' : ' (not changed)'
    screen.line(`${shortText(change.id, 128)}  ${coloredState(change.state, screen.colors)}${remark}`)
  }
}

/** Already being in the wanted state is as good as getting there. */
export function exitOfChanges(changes: readonly (Change | null)[], wanted: TaskState): ExitName {
  if (changes.includes(null)) return 'unknownTask'
  return changes.every((change) => change!.changed || change!.state === wanted) ? 'done' : 'unchanged'
}
