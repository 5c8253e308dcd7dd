/** All tasks: narrowed down by state, type, queue, time and text; kept fresh while one looks. */

import { route } from '../route/route.ts'
import { taskColumns } from '../task-list/columns.tsx'
import { readFilter } from '../task-list/filter.ts'
import { FilterBar } from '../task-list/filter-bar.tsx'
import { ListView } from '../task-list/list-view.tsx'
import { t } from '../words/words.ts'

export function TasksScreen() {
  const filter = readFilter(route.value.filters)
  return (
    <>
      <FilterBar filter={filter} hasStates />
      <ListView
        label={t('nav.tasks')}
        name="tasks"
        filter={filter}
        columns={taskColumns()}
        empty={t('list.empty')}
        canCancel
      />
    </>
  )
}
