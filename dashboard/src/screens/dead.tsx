/** What failed for good: why, and back to work with one, with many, or with all that match. */

import { useState } from 'preact/hooks'
import { retryAllMatching, retryChosen } from '../acts/task-acts.ts'
import type { TaskRecord } from '../api/shapes.ts'
import { sumOf } from '../live/rates.ts'
import { stats } from '../live/stats.ts'
import { Age } from '../parts/age.tsx'
import { Icon } from '../parts/icon.tsx'
import type { Column } from '../parts/rows.tsx'
import { route } from '../route/route.ts'
import { TaskLink } from '../task-list/columns.tsx'
import { type ListFilter, readFilter } from '../task-list/filter.ts'
import { FilterBar } from '../task-list/filter-bar.tsx'
import { ListView } from '../task-list/list-view.tsx'
import { t } from '../words/words.ts'

export function DeadScreen() {
  const filter: ListFilter = { ...readFilter(route.value.filters), states: ['failed'] }
  return (
    <>
      <FilterBar filter={filter} hasStates={false} />
      <RetryAll filter={filter} />
      <ListView
        label={t('nav.dead')}
        name="dead"
        filter={filter}
        columns={deadColumns()}
        empty={t('dead.empty')}
        canCancel={false}
      />
    </>
  )
}

/** The server retries by type and queue; what is narrowed down by time or text is chosen row by row. */
function RetryAll({ filter }: { readonly filter: ListFilter }) {
  const [taken, setTaken] = useState<number | null>(null)
  const [stop] = useState({ isAsked: false })
  const isNarrower =
    filter.text !== '' || filter.withinMs !== null || filter.fromMs !== null || filter.untilMs !== null
  const queues = stats.value?.queues.filter(
    ({ queue }) => filter.queues.length === 0 || filter.queues.includes(queue),
  )
  const failed = sumOf(queues ?? []).failed
  const run = async () => {
    stop.isAsked = false
    setTaken(0)
    const { types, queues } = filter
    await retryAllMatching(
      { ...(types.length > 0 && { type: types }), ...(queues.length > 0 && { queue: queues }) },
      filter.types.length > 0 ? null : failed,
      (count) => {
        setTaken(count)
        return !stop.isAsked
      },
    )
    setTaken(null)
  }
  return (
    <div class="dead-all">
      <p>{t('dead.count', { count: failed })}</p>
      {taken === null ? (
        <button
          type="button"
          disabled={failed === 0 || isNarrower}
          title={isNarrower ? t('dead.narrower') : ''}
          onClick={() => void run()}
        >
          <Icon name="retry" /> {t('retryAll.act')}
        </button>
      ) : (
        <button
          type="button"
          onClick={() => {
            stop.isAsked = true
          }}
        >
          {t('retryAll.stop', { count: taken })}
        </button>
      )}
      {isNarrower && <span class="hint">{t('dead.narrower')}</span>}
    </div>
  )
}

function deadColumns(): readonly Column<TaskRecord>[] {
  return [
    { name: 'id', title: t('task.id'), cell: ({ id }) => <TaskLink id={id} /> },
    { name: 'type', title: t('task.type'), cell: ({ type }) => <span title={type}>{type}</span> },
    { name: 'queue', title: t('task.queue'), cell: ({ queue }) => <span title={queue}>{queue}</span> },
    {
      name: 'error',
      title: t('task.error'),
      cell: ({ error }) => (
        <span class="bad" title={error?.message ?? ''}>
          {error === undefined ? '' : `${error.name}: ${error.message}`}
        </span>
      ),
    },
    {
      name: 'attempt',
      title: t('task.attempts'),
      cell: ({ attempt, maxAttempts }) => `${attempt} / ${maxAttempts}`,
    },
    {
      name: 'finished',
      title: t('task.failedAt'),
      cell: ({ finishedAt }) => (finishedAt === undefined ? '' : <Age at={finishedAt} />),
    },
    {
      name: 'act',
      title: '',
      cell: ({ id, state }) =>
        state === 'failed' && (
          <button
            type="button"
            class="quiet"
            tabIndex={-1}
            aria-label={t('retry.one', { id })}
            onClick={() => void retryChosen([id])}
          >
            <Icon name="retry" /> <span class="only-wide">{t('retry.act')}</span>
          </button>
        ),
    },
  ]
}
