/** A list of tasks with its selection, what can be done with that, and how far it is loaded. */

import { useEffect, useMemo, useState } from 'preact/hooks'
import { isFinal, isRevivable } from '../../../src/task/lifecycle.ts'
import { cancelWithQuestion, retryChosen } from '../acts/task-acts.ts'
import type { TaskRecord } from '../api/shapes.ts'
import { useEvents } from '../live/events.ts'
import { isNarrow } from '../look/narrow.ts'
import { Icon } from '../parts/icon.tsx'
import { Empty, Trouble } from '../parts/notice.tsx'
import { type Column, Rows } from '../parts/rows.tsx'
import { go } from '../route/route.ts'
import { t } from '../words/words.ts'
import { checkColumn } from './columns.tsx'
import type { ListFilter } from './filter.ts'
import { ROWS_MAX, TaskList } from './task-list.ts'

const ROW_HEIGHT = 34
/** Two lines. */
const ROW_HEIGHT_NARROW = 62

export interface ListViewProps {
  readonly label: string
  readonly filter: ListFilter
  readonly columns: readonly Column<TaskRecord>[]
  /** Of the widths of the columns. */
  readonly name: string
  readonly empty: string
  readonly canCancel: boolean
}

export function ListView({ label, filter, columns, name, empty, canCancel }: ListViewProps) {
  const [list] = useState(() => new TaskList())
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const asked = JSON.stringify(filter)
  useEffect(() => {
    setSelected(new Set())
    void list.restart(filter)
  }, [asked])
  useEffect(() => () => list.close(), [list])
  const { types, queues } = filter
  const query = useMemo(() => ({ types, queues }), [types, queues])
  useEvents(query, { onSample: (sample) => list.onSample(sample), onGap: () => list.refreshSoon() })
  list.isHeld = selected.size > 0

  const toggle = ({ id }: TaskRecord) => {
    const next = new Set(selected)
    if (!next.delete(id)) next.add(id)
    setSelected(next)
  }
  const rows = list.rows.value
  const chosen = selected.size === 0 ? [] : rows.filter(({ id }) => selected.has(id))
  const after = (isDone: boolean) => {
    if (!isDone) return
    setSelected(new Set())
    list.isHeld = false
    list.refreshSoon()
  }
  return (
    <div class="list">
      <div class="list-tools" role="toolbar" aria-label={t('list.tools')}>
        <label class="check-all">
          <input
            type="checkbox"
            checked={rows.length > 0 && selected.size === rows.length}
            disabled={rows.length === 0}
            onChange={() =>
              setSelected(selected.size === rows.length ? new Set() : new Set(rows.map(({ id }) => id)))
            }
          />
          {selected.size === 0 ? t('list.selectAll') : t('list.selected', { count: selected.size })}
        </label>
        {selected.size > 0 && (
          <>
            <button
              type="button"
              disabled={!chosen.some(({ state }) => isRevivable(state))}
              onClick={() => void retryChosen([...selected]).then(after)}
            >
              <Icon name="retry" /> {t('retry.act')}
            </button>
            {canCancel && (
              <button
                type="button"
                disabled={chosen.every(({ state }) => isFinal(state))}
                onClick={() => void cancelWithQuestion([...selected]).then(after)}
              >
                <Icon name="cancel" /> {t('cancel.act')}
              </button>
            )}
          </>
        )}
        {list.hasNews.value && (
          <button type="button" class="news" onClick={() => void list.restart()}>
            {t('list.news')}
          </button>
        )}
      </div>
      {list.error.value !== null && <Trouble error={list.error.value} />}
      <Rows
        label={label}
        name={name}
        items={rows}
        keyOf={keyOf}
        columns={[checkColumn(selected, toggle), ...columns]}
        rowHeight={isNarrow.value ? ROW_HEIGHT_NARROW : ROW_HEIGHT}
        selected={selected}
        onToggle={toggle}
        onOpen={({ id }) => go('task', { id })}
        onNearEnd={() => void list.more()}
        onAway={(isAway) => {
          list.isAway = isAway
        }}
      />
      {rows.length === 0 && list.state.value !== 'loading' && list.error.value === null && (
        <Empty>{empty}</Empty>
      )}
      <Foot list={list} />
    </div>
  )
}

const keyOf = ({ id }: TaskRecord) => id

/** How much of all there is in the list; a list that is not whole says so. */
function Foot({ list }: { readonly list: TaskList }) {
  const count = list.rows.value.length
  const state = list.state.value
  return (
    <p class="list-foot">
      <span role="status">
        {state === 'loading'
          ? t('list.loading', { count })
          : state === 'more'
            ? t('list.more', { count })
            : count >= ROWS_MAX
              ? t('list.full', { count })
              : t('list.whole', { count })}
        {list.scanned.value > count && ` ${t('list.scanned', { count: list.scanned.value })}`}
      </span>
      {state === 'more' && (
        <button type="button" class="quiet" onClick={() => void list.all()}>
          {t('list.all', { count: ROWS_MAX })}
        </button>
      )}
    </p>
  )
}
