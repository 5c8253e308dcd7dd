/** What became of the tasks that were just sent: confirmations first, then results as they come. */

import { useMemo } from 'preact/hooks'
import { isFinal } from '../../../src/task/lifecycle.ts'
import { useEvents } from '../live/events.ts'
import { duration } from '../look/figures.ts'
import { nowMs } from '../look/now.ts'
import { Meter } from '../parts/meter.tsx'
import { Trouble } from '../parts/notice.tsx'
import { StateMark } from '../parts/state.tsx'
import { writeAddress } from '../route/address.ts'
import { t } from '../words/words.ts'
import type { Followed, Run } from './run.ts'

/** The others are counted, and found on the screen of all tasks. */
const SHOWN_TASKS_MAX = 100

export function RunView({ run }: { readonly run: Run }) {
  const { type, queue } = run.task
  const query = useMemo(
    () => ({ types: [type], ...(queue !== undefined && { queues: [queue] }) }),
    [type, queue],
  )
  const isOver = run.endedAtMs.value !== null
  useEvents(isOver ? null : query, { onSample: (sample) => run.onSample(sample), onGap: () => {} })
  const all = [...run.tasks.value.values()]
  const confirmed = all.filter(({ state, refusal }) => state !== null && refusal === null).length
  const ended = all.filter(({ state }) => state !== null && isFinal(state)).length
  const succeeded = all.filter(({ state }) => state === 'succeeded').length
  const refused = all.filter(({ refusal }) => refusal !== null).length
  const tookMs = isOver ? tookMsOf(all) : nowMs.value - run.begunAtMs
  return (
    <section class="panel run" aria-labelledby="run-title">
      <h2 id="run-title">{t('run.title', { type, count: all.length })}</h2>
      <div class="run-steps">
        <Step label={t('run.confirmed')} value={confirmed} of={all.length} tone="accent" />
        <Step
          label={t('run.ended')}
          value={ended}
          of={all.length}
          tone={succeeded === ended ? 'good' : 'bad'}
        />
      </div>
      <p class="run-said" role="status" data-run={isOver ? 'over' : 'going'}>
        {isOver
          ? t('run.over', { succeeded, count: all.length, duration: duration(tookMs) })
          : t('run.going', { duration: duration(Math.max(0, Math.floor(tookMs / 1_000) * 1_000)) })}
        {refused > 0 && ` ${t('run.refused', { count: refused })}`}
      </p>
      {run.error.value !== null && <Trouble error={run.error.value} />}
      <ol class="run-tasks">
        {all.slice(0, SHOWN_TASKS_MAX).map((task) => (
          <FollowedTask key={task.id} task={task} />
        ))}
      </ol>
      {all.length > SHOWN_TASKS_MAX && (
        <a href={writeAddress('tasks', { filters: { type: encodeURIComponent(type), within: '5m' } })}>
          {t('run.rest', { count: all.length - SHOWN_TASKS_MAX })}
        </a>
      )}
    </section>
  )
}

/** By the clock of the server, from the first that was accepted to the last that ended: this page only looks from time to time. */
function tookMsOf(all: readonly Followed[]): number {
  const records = all.flatMap(({ record }) => (record === null ? [] : [record]))
  let begin = Number.POSITIVE_INFINITY
  let end = 0
  for (const { createdAt, finishedAt } of records) {
    begin = Math.min(begin, Date.parse(createdAt))
    if (finishedAt !== undefined) end = Math.max(end, Date.parse(finishedAt))
  }
  return Math.max(0, end - begin)
}

function Step({
  label,
  value,
  of,
  tone,
}: {
  readonly label: string
  readonly value: number
  readonly of: number
  readonly tone: 'accent' | 'good' | 'bad'
}) {
  return (
    <div class="step">
      <span>{label}</span>
      <Meter value={value} max={of} label={label} tone={tone} />
      <b>{t('run.of', { value, of })}</b>
    </div>
  )
}

function FollowedTask({ task: { id, state, isDuplicate, refusal, record } }: { readonly task: Followed }) {
  return (
    <li>
      {state === null ? (
        <span class="soft">{refusal === null ? t('run.sending') : t('run.notTaken')}</span>
      ) : (
        <StateMark state={state} />
      )}
      <a class="mono run-id" href={writeAddress('task', { id })}>
        {id}
      </a>
      <span class="run-value">
        {refusal !== null && <span class="bad">{refusal}</span>}
        {isDuplicate && <span class="soft">{t('run.duplicate')}</span>}
        {state === 'running' && record?.progress?.total !== undefined && (
          <Meter value={record.progress.done} max={record.progress.total} label={t('task.progress')} />
        )}
        {record?.state === 'succeeded' && <code>{JSON.stringify(record.result)}</code>}
        {record?.error !== undefined && (
          <span class="bad">{`${record.error.name}: ${record.error.message}`}</span>
        )}
      </span>
    </li>
  )
}
