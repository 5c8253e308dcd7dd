/** What happened to a task, in order, with the times between. */

import type { LogLine, TaskEvent, TaskRecord } from '../api/shapes.ts'
import { type Moment, timelineOf } from '../live/timeline.ts'
import { duration } from '../look/figures.ts'
import { Clock } from '../parts/age.tsx'
import { StateMark } from '../parts/state.tsx'
import { t } from '../words/words.ts'

interface Props {
  readonly record: TaskRecord
  readonly lines: readonly LogLine[]
  readonly seen: readonly TaskEvent[]
}

export function Timeline({ record, lines, seen }: Props) {
  const moments = timelineOf(record, lines, seen)
  return (
    <section class="panel" aria-labelledby="timeline-title">
      <h2 id="timeline-title">{t('task.timeline')}</h2>
      <ol class="timeline">
        {moments.map((moment, index) => {
          const before = moments[index - 1]?.at
          const isRunning = index === moments.length - 1 && record.state === 'running'
          return (
            <li
              key={`${moment.kind} ${moment.at} ${index}`}
              class={isRunning ? 'moment moment-now' : 'moment'}
            >
              <div class="moment-what">
                <What moment={moment} worker={index === lastAttempt(moments) ? record.worker : undefined} />
              </div>
              <div class="moment-when">
                {moment.at === null ? t('timeline.unknown') : <Clock at={moment.at} />}
                {before && moment.at !== null && (
                  <span class="soft">
                    {' '}
                    +{duration(Math.max(0, Date.parse(moment.at) - Date.parse(before)))}
                  </span>
                )}
              </div>
            </li>
          )
        })}
      </ol>
    </section>
  )
}

function lastAttempt(moments: readonly Moment[]): number {
  return moments.findLastIndex(({ kind }) => kind === 'attempt')
}

function What({ moment, worker }: { readonly moment: Moment; readonly worker: TaskRecord['worker'] }) {
  switch (moment.kind) {
    case 'accepted':
      return <>{t('timeline.accepted')}</>
    case 'due':
      return <>{t('timeline.due')}</>
    case 'attempt':
      return (
        <>
          {t('task.attempt', { attempt: moment.attempt })}
          {worker !== undefined && (
            <span class="soft"> {t('timeline.by', { host: worker.host, pid: String(worker.pid) })}</span>
          )}
          {moment.lines > 0 && <span class="soft"> · {t('timeline.lines', { count: moment.lines })}</span>}
        </>
      )
    case 'state':
      return <StateMark state={moment.state} />
  }
}
