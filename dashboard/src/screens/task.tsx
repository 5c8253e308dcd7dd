/** One task with all that is known of it: what it is, what happened to it, what it said, and what came out. */

import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { isFinal, isRevivable } from '../../../src/task/lifecycle.ts'
import { cancelWithQuestion, retryChosen } from '../acts/task-acts.ts'
import { Refused } from '../api/door.ts'
import type { TaskRecord } from '../api/shapes.ts'
import { useTask } from '../live/use-task.ts'
import { duration } from '../look/figures.ts'
import { nowMs } from '../look/now.ts'
import { Age, Clock } from '../parts/age.tsx'
import { CopyButton } from '../parts/copy.tsx'
import { Icon } from '../parts/icon.tsx'
import { Json } from '../parts/json.tsx'
import { Meter } from '../parts/meter.tsx'
import { Empty, Trouble } from '../parts/notice.tsx'
import { StateMark } from '../parts/state.tsx'
import { writeAddress } from '../route/address.ts'
import { go } from '../route/route.ts'
import { Log } from '../task/log.tsx'
import { Timeline } from '../task/timeline.tsx'
import { Why } from '../task/why.tsx'
import { t } from '../words/words.ts'
import { prepare } from './submit.tsx'

export function TaskScreen({ id }: { readonly id: string }) {
  const { record, lines, seen, error, look } = useTask(id)
  const [isKnown, setKnown] = useState(false)
  useEffect(() => {
    if (record !== null) setKnown(true)
  }, [record])
  if (error !== null && record === null) {
    const isUnknown = error instanceof Refused && error.status === 404
    return isUnknown ? <Empty>{t('task.unknown')}</Empty> : <Trouble error={error} />
  }
  if (record === undefined) return <Empty>{t('contact.waiting')}</Empty>
  if (record === null) return <Empty>{isKnown ? t('task.gone') : t('task.unknown')}</Empty>
  return (
    <article class="task">
      <Head record={record} look={look} />
      <div class="task-main">
        <Why record={record} />
        <Outcome record={record} />
        <section class="panel" aria-labelledby="data-title">
          <h2 id="data-title">{t('task.data')}</h2>
          <Json value={record.data ?? null} label={t('task.data')} />
        </section>
        <Log lines={lines} attempts={record.attempt} />
      </div>
      <div class="task-side">
        <Facts record={record} />
        <Timeline record={record} lines={lines} seen={seen} />
        {record.metadata !== undefined && (
          <section class="panel" aria-labelledby="metadata-title">
            <h2 id="metadata-title">{t('task.metadata')}</h2>
            <dl class="facts facts-list">
              {Object.entries(record.metadata).map(([name, value]) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd class="mono">{value}</dd>
                </div>
              ))}
            </dl>
          </section>
        )}
      </div>
    </article>
  )
}

function Head({ record, look }: { readonly record: TaskRecord; readonly look: () => void }) {
  const { id, type, queue, state, data, priority, key, maxAttempts } = record
  const again = () => {
    prepare({
      type,
      data: JSON.stringify(data ?? null, null, 2),
      queue,
      priority: String(priority),
      maxAttempts: String(maxAttempts),
      key: key ?? '',
    })
    go('submit')
  }
  return (
    <header class="task-head">
      <div class="task-name">
        <StateMark state={state} />
        <span class="mono">{id}</span>
        <CopyButton text={id} what={t('task.id')} />
      </div>
      <p>
        <b>{type}</b> <span class="soft">{t('task.in')}</span>{' '}
        <a href={writeAddress('tasks', { filters: { queue: encodeURIComponent(queue) } })}>{queue}</a>
      </p>
      <div class="task-acts">
        {isRevivable(state) && (
          <button type="button" class="primary" onClick={() => void retryChosen([id]).then(look)}>
            <Icon name="retry" /> {t('retry.act')}
          </button>
        )}
        {!isFinal(state) && (
          <button type="button" onClick={() => void cancelWithQuestion([id]).then(look)}>
            <Icon name="cancel" /> {t('cancel.act')}
          </button>
        )}
        <button type="button" onClick={again}>
          <Icon name="submit" /> {t('task.again')}
        </button>
      </div>
    </header>
  )
}

/** The result, the error, or how far it is. */
function Outcome({ record: { state, result, error, progress, startedAt } }: { readonly record: TaskRecord }) {
  return (
    <>
      {state === 'running' && (
        <section class="panel" aria-labelledby="progress-title">
          <h2 id="progress-title">{t('task.progress')}</h2>
          <p>
            {progress === undefined ? t('task.noProgress') : said(progress)}
            {startedAt !== undefined && (
              <span class="soft"> · {duration(Math.max(0, nowMs.value - Date.parse(startedAt)))}</span>
            )}
          </p>
          {progress?.total !== undefined && (
            <Meter value={progress.done} max={progress.total} label={t('task.progress')} />
          )}
        </section>
      )}
      {state === 'succeeded' && (
        <section class="panel panel-good" aria-labelledby="result-title">
          <h2 id="result-title">{t('task.result')}</h2>
          <Json value={result ?? null} label={t('task.result')} />
        </section>
      )}
      {error !== undefined && (
        <section class="panel panel-bad" aria-labelledby="error-title">
          <h2 id="error-title">{state === 'failed' ? t('task.error') : t('task.lastError')}</h2>
          <p class="bad">
            <b>{error.name}</b>: {error.message}
          </p>
          {error.stack !== undefined && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard, too
            <section class="scroll-text stack" tabIndex={0} aria-label={t('task.stack')}>
              <pre>{error.stack}</pre>
            </section>
          )}
        </section>
      )}
    </>
  )
}

function said({ done, total, note }: NonNullable<TaskRecord['progress']>): string {
  const figures =
    total === undefined ? String(done) : `${done} / ${total} (${Math.round((done / total) * 100)} %)`
  return note === undefined ? figures : `${figures} · ${note}`
}

function Facts({ record }: { readonly record: TaskRecord }) {
  const {
    attempt,
    maxAttempts,
    crashes,
    priority,
    createdAt,
    runAt,
    startedAt,
    finishedAt,
    expiresAt,
    key,
    worker,
  } = record
  return (
    <section class="panel" aria-labelledby="facts-title">
      <h2 id="facts-title">{t('task.facts')}</h2>
      <dl class="facts facts-list">
        <Fact name={t('task.attempts')}>
          {attempt} / {maxAttempts}
          {crashes > 0 && <span class="bad"> {t('task.crashes', { count: crashes })}</span>}
        </Fact>
        <Fact name={t('task.priority')}>{priority}</Fact>
        {key !== undefined && <Fact name={t('task.key')}>{key}</Fact>}
        <Fact name={t('task.created')}>
          <Clock at={createdAt} />{' '}
          <span class="soft">
            <Age at={createdAt} />
          </span>
        </Fact>
        {startedAt === undefined && runAt !== createdAt && (
          <Fact name={t('task.runAt')}>
            <Clock at={runAt} />{' '}
            <span class="soft">
              <Age at={runAt} />
            </span>
          </Fact>
        )}
        {expiresAt !== undefined && (
          <Fact name={t('task.expires')}>
            <Clock at={expiresAt} />
          </Fact>
        )}
        {startedAt !== undefined && (
          <Fact name={t('task.waited')}>
            {duration(Math.max(0, Date.parse(startedAt) - Date.parse(runAt)))}
          </Fact>
        )}
        {startedAt !== undefined && finishedAt !== undefined && (
          <Fact name={t('task.took')}>{duration(Date.parse(finishedAt) - Date.parse(startedAt))}</Fact>
        )}
        {worker !== undefined && (
          <Fact name={t('task.worker')}>
            {worker.host} <span class="soft">PID {worker.pid}</span>
          </Fact>
        )}
      </dl>
    </section>
  )
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
