/** Every queue with its counts, and what it is told: pause, drain, resume, cancel all that waits. */

import { useState } from 'preact/hooks'
import { purgeWithQuestion, steerWithQuestion } from '../acts/queue-acts.ts'
import type { QueueLook } from '../api/shapes.ts'
import { stats } from '../live/stats.ts'
import { count } from '../look/figures.ts'
import { Age } from '../parts/age.tsx'
import { Icon } from '../parts/icon.tsx'
import { Empty } from '../parts/notice.tsx'
import { writeAddress } from '../route/address.ts'
import { language, t } from '../words/words.ts'

export function QueuesScreen() {
  const [text, setText] = useState('')
  const queues = stats.value?.queues
  if (queues === undefined) return <Empty>{t('contact.waiting')}</Empty>
  if (queues.length === 0) return <Empty>{t('queues.empty')}</Empty>
  const found = queues.filter(({ queue }) => queue.toLowerCase().includes(text.toLowerCase()))
  return (
    <>
      <search class="filters">
        <input
          type="search"
          data-search=""
          aria-label={t('queues.search')}
          placeholder={t('queues.search')}
          value={text}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </search>
      <ul class="queues">
        {[...found]
          .sort((a, b) => a.queue.localeCompare(b.queue))
          .map((look) => (
            <QueueCard key={look.queue} look={look} />
          ))}
      </ul>
    </>
  )
}

function QueueCard({ look }: { readonly look: QueueLook }) {
  const { queue, oldestQueuedAt, totals, settings } = look
  const waiting = look.queued + look.scheduled + look.blocked
  const number = (value: number) => count(value, language.value)
  const tasksOf = (state: string) =>
    writeAddress('tasks', { filters: { state, queue: encodeURIComponent(queue) } })
  return (
    <li class="panel queue">
      <header>
        <h2>{queue}</h2>
        {settings.mode !== 'open' && (
          <span class="pill pill-warn">{t(`queue.mode.${settings.mode as 'paused'}`)}</span>
        )}
      </header>
      <dl class="counts">
        {(['queued', 'running', 'scheduled', 'blocked'] as const).map((state) => (
          <div key={state} class={`count count-${state}`}>
            <dt>{t(`state.${state}`)}</dt>
            <dd>
              <a href={tasksOf(state)}>{number(look[state])}</a>
            </dd>
          </div>
        ))}
      </dl>
      <p class="soft">
        {oldestQueuedAt === null ? (
          t('queues.noneWaits')
        ) : (
          <>
            {t('overview.oldest')}: <Age at={oldestQueuedAt} />
          </>
        )}
      </p>
      <dl class="facts facts-tight">
        <div>
          <dt>{t('queues.submitted')}</dt>
          <dd>{number(totals.submitted)}</dd>
        </div>
        {(['succeeded', 'failed', 'canceled', 'expired'] as const).map((state) => (
          <div key={state}>
            <dt>{t(`state.${state}`)}</dt>
            <dd>
              <a href={state === 'failed' ? deadOf(queue) : tasksOf(state)}>{number(totals[state])}</a>
            </dd>
          </div>
        ))}
      </dl>
      <div class="queue-acts">
        {settings.mode === 'open' ? (
          <>
            <button type="button" onClick={() => void steerWithQuestion(queue, 'pause')}>
              <Icon name="pause" /> {t('queue.pause.act')}
            </button>
            <button type="button" onClick={() => void steerWithQuestion(queue, 'drain')}>
              <Icon name="drain" /> {t('queue.drain.act')}
            </button>
          </>
        ) : (
          <button type="button" class="primary" onClick={() => void steerWithQuestion(queue, 'resume')}>
            <Icon name="play" /> {t('queue.resume.act')}
          </button>
        )}
        <button
          type="button"
          class="quiet"
          disabled={waiting === 0}
          onClick={() => void purgeWithQuestion(queue, waiting)}
        >
          <Icon name="cancel" /> {t('queue.purge.act')}
        </button>
      </div>
    </li>
  )
}

function deadOf(queue: string): string {
  return writeAddress('dead', { filters: { queue: encodeURIComponent(queue) } })
}
