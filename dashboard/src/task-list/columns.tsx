/** The columns of lists of tasks. */

import type { TaskRecord } from '../api/shapes.ts'
import { duration, shortId } from '../look/figures.ts'
import { Age } from '../parts/age.tsx'
import { Meter } from '../parts/meter.tsx'
import type { Column } from '../parts/rows.tsx'
import { StateMark } from '../parts/state.tsx'
import { writeAddress } from '../route/address.ts'
import { t } from '../words/words.ts'

export function checkColumn(
  selected: ReadonlySet<string>,
  onToggle: (task: TaskRecord) => void,
): Column<TaskRecord> {
  return {
    name: 'check',
    title: '',
    cell: (task) => (
      <input
        type="checkbox"
        tabIndex={-1}
        aria-label={t('list.select', { id: task.id })}
        checked={selected.has(task.id)}
        onChange={() => onToggle(task)}
      />
    ),
  }
}

export function taskColumns(): readonly Column<TaskRecord>[] {
  return [
    { name: 'state', title: t('task.state'), cell: ({ state }) => <StateMark state={state} /> },
    { name: 'id', title: t('task.id'), cell: ({ id }) => <TaskLink id={id} /> },
    { name: 'type', title: t('task.type'), cell: ({ type }) => <span title={type}>{type}</span> },
    { name: 'queue', title: t('task.queue'), cell: ({ queue }) => <span title={queue}>{queue}</span> },
    {
      name: 'attempt',
      title: t('task.attempts'),
      cell: ({ attempt, maxAttempts }) => `${attempt} / ${maxAttempts}`,
    },
    { name: 'created', title: t('task.created'), cell: ({ createdAt }) => <Age at={createdAt} /> },
    { name: 'took', title: t('task.took'), cell: tookOf },
    { name: 'note', title: t('task.note'), cell: (task) => <Note task={task} /> },
  ]
}

export function TaskLink({ id }: { readonly id: string }) {
  return (
    <a class="mono" href={writeAddress('task', { id })} title={id} tabIndex={-1}>
      {shortId(id)}
    </a>
  )
}

function tookOf({ startedAt, finishedAt }: TaskRecord): string {
  if (startedAt === undefined || finishedAt === undefined) return ''
  return duration(Date.parse(finishedAt) - Date.parse(startedAt))
}

/** What one would want to know next: how far it is, or why it failed, or what came out. */
function Note({ task }: { readonly task: TaskRecord }) {
  const { state, progress, error, result } = task
  if (state === 'running' && progress !== undefined) {
    return (
      <span class="note-progress">
        {progress.total !== undefined && (
          <Meter value={progress.done} max={progress.total} label={t('task.progress')} />
        )}
        <span>
          {progress.note ?? `${progress.done}${progress.total === undefined ? '' : ` / ${progress.total}`}`}
        </span>
      </span>
    )
  }
  if (error !== undefined) {
    const text = `${error.name}: ${error.message}`
    return (
      <span class="bad" title={text}>
        {text}
      </span>
    )
  }
  if (result === undefined) return null
  return <span class="soft mono">{JSON.stringify(result).slice(0, NOTE_LENGTH)}</span>
}

/** The rest is one click away. */
const NOTE_LENGTH = 120
