/** Who works: host, process, slots, and what each runs now. */

import { useEffect, useState } from 'preact/hooks'
import type { TaskRecord, WorkerLook } from '../api/shapes.ts'
import { listTasks, type TaskPage } from '../api/tasks.ts'
import { sumOf } from '../live/rates.ts'
import { stats } from '../live/stats.ts'
import { count } from '../look/figures.ts'
import { Age } from '../parts/age.tsx'
import { Meter } from '../parts/meter.tsx'
import { Empty, Trouble } from '../parts/notice.tsx'
import { TaskLink } from '../task-list/columns.tsx'
import { language, t } from '../words/words.ts'

const LOOK_MS = 1_000
/** What runs is asked for once a second: more would not be read. */
const RUNNING_MAX = 200
/** Looked through at most, for tasks that began long ago and are far from the newest. */
const PAGES_MAX = 4
const SHOWN_A_WORKER = 6
const TYPES_SHOWN = 12

export function WorkersScreen() {
  const [running, error] = useRunning()
  const workers = stats.value?.workers
  if (workers === undefined) return <Empty>{t('contact.waiting')}</Empty>
  if (workers.length === 0) return <Empty>{t('workers.empty')}</Empty>
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0)
  const held = workers.reduce((sum, worker) => sum + worker.held, 0)
  return (
    <>
      <p class="lead">{t('workers.summary', { count: workers.length, slots, held })}</p>
      {error !== null && <Trouble error={error} />}
      <ul class="workers">
        {workers.map((worker) => (
          <WorkerCard
            key={worker.consumer}
            look={worker}
            running={running.filter((task) => task.worker?.id === worker.worker.id)}
          />
        ))}
      </ul>
    </>
  )
}

function useRunning(): [readonly TaskRecord[], unknown] {
  const [running, setRunning] = useState<readonly TaskRecord[]>([])
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout>
    const look = async () => {
      try {
        if (document.visibilityState === 'visible') {
          setRunning(await findRunning(stop.signal))
          setError(null)
        }
      } catch (failure) {
        if (stop.signal.aborted) return
        setError(failure)
      }
      timer = setTimeout(() => void look(), LOOK_MS)
    }
    void look()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [])
  return [running, error]
}

/** A page of the server is short where it had to look at many rows that do not run. */
async function findRunning(signal: AbortSignal): Promise<readonly TaskRecord[]> {
  const expected = Math.min(RUNNING_MAX, stats.peek() === null ? 0 : sumOf(stats.peek()!.queues).running)
  const found: TaskRecord[] = []
  let cursor: string | null = null
  for (let pages = 0; pages < PAGES_MAX && found.length < expected; pages++) {
    const page: TaskPage = await listTasks({ states: ['running'] }, { limit: RUNNING_MAX, cursor, signal })
    found.push(...page.tasks)
    cursor = page.cursor
    if (cursor === null) break
  }
  return found
}

function WorkerCard({
  look,
  running,
}: {
  readonly look: WorkerLook
  readonly running: readonly TaskRecord[]
}) {
  const { worker, consumer, queues, types, slots, prefetch, held, delivered, settled, connectedAt } = look
  const number = (value: number) => count(value, language.value)
  const busy = Math.min(held, slots)
  return (
    <li class="panel worker">
      <header>
        <h2>
          {worker.host} <span class="soft">PID {worker.pid}</span>
        </h2>
        <span class="soft mono" title={`${worker.id} ${consumer}`}>
          {worker.id}
        </span>
      </header>
      <div class="with-meter">
        <Meter value={busy} max={slots} label={t('workers.busy')} />
        <span>{t('workers.slots', { busy, slots })}</span>
      </div>
      <dl class="facts facts-tight">
        <div>
          <dt>{t('workers.held')}</dt>
          <dd>
            {number(held)} <span class="soft">/ {number(slots * prefetch)}</span>
          </dd>
        </div>
        <div>
          <dt>{t('workers.delivered')}</dt>
          <dd>{number(delivered)}</dd>
        </div>
        <div>
          <dt>{t('workers.settled')}</dt>
          <dd>{number(settled)}</dd>
        </div>
        <div>
          <dt>{t('workers.since')}</dt>
          <dd>
            <Age at={connectedAt} />
          </dd>
        </div>
        <div>
          <dt>{t('workers.queues')}</dt>
          <dd>{queues.join(', ')}</dd>
        </div>
        <div>
          <dt>{t('workers.types')}</dt>
          <dd title={types?.join(', ') ?? ''}>{types === null ? t('workers.allTypes') : some(types)}</dd>
        </div>
      </dl>
      <h3>{t('workers.now')}</h3>
      {running.length === 0 ? (
        <p class="soft">{t('workers.idle')}</p>
      ) : (
        <ul class="running">
          {running.slice(0, SHOWN_A_WORKER).map((task) => (
            <li key={task.id}>
              <span class="running-type">{task.type}</span> <TaskLink id={task.id} />
              {task.startedAt !== undefined && (
                <span class="soft">
                  <Age at={task.startedAt} />
                </span>
              )}
              {task.progress?.total !== undefined && (
                <Meter value={task.progress.done} max={task.progress.total} label={t('task.progress')} />
              )}
            </li>
          ))}
          {running.length > SHOWN_A_WORKER && (
            <li class="soft">{t('receipt.more', { count: running.length - SHOWN_A_WORKER })}</li>
          )}
        </ul>
      )}
    </li>
  )
}

function some(types: readonly string[]): string {
  const rest = types.length - TYPES_SHOWN
  return types.slice(0, TYPES_SHOWN).join(', ') + (rest > 0 ? ` … +${rest}` : '')
}
