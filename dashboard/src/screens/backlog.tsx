/** What waits in each queue, and for how long the oldest has. */

import type { QueueLook } from '../api/shapes.ts'
import { count } from '../look/figures.ts'
import { Age } from '../parts/age.tsx'
import { Meter } from '../parts/meter.tsx'
import { Empty } from '../parts/notice.tsx'
import { writeAddress } from '../route/address.ts'
import { language, t } from '../words/words.ts'

/** The rest is on the screen of the queues. */
const QUEUES_MAX = 12

export function Backlog({ queues }: { readonly queues: readonly QueueLook[] }) {
  const longest = [...queues].sort((a, b) => b.queued - a.queued || a.queue.localeCompare(b.queue))
  const most = longest[0]?.queued ?? 0
  const number = (value: number) => count(value, language.value)
  return (
    <section class="panel" aria-labelledby="backlog-title">
      <h2 id="backlog-title">{t('overview.byQueue')}</h2>
      {queues.length === 0 ? (
        <Empty>{t('queues.empty')}</Empty>
      ) : (
        <div class="scroll-x">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{t('task.queue')}</th>
                <th scope="col" class="wide">
                  {t('state.queued')}
                </th>
                <th scope="col" class="number">
                  {t('state.running')}
                </th>
                <th scope="col" class="number">
                  {t('state.scheduled')}
                </th>
                <th scope="col">{t('overview.oldest')}</th>
              </tr>
            </thead>
            <tbody>
              {longest.slice(0, QUEUES_MAX).map(({ queue, queued, running, scheduled, oldestQueuedAt }) => (
                <tr key={queue}>
                  <th scope="row">
                    <a href={writeAddress('tasks', { filters: { queue: encodeURIComponent(queue) } })}>
                      {queue}
                    </a>
                  </th>
                  <td>
                    <span class="with-meter">
                      <Meter
                        value={queued}
                        max={most}
                        label={`${queue}: ${t('state.queued')}`}
                        tone="plain"
                      />
                      {number(queued)}
                    </span>
                  </td>
                  <td class="number">{number(running)}</td>
                  <td class="number">{number(scheduled)}</td>
                  <td>{oldestQueuedAt === null ? '–' : <Age at={oldestQueuedAt} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {queues.length > QUEUES_MAX && (
        <a href={writeAddress('queues')}>{t('overview.allQueues', { count: queues.length })}</a>
      )}
    </section>
  )
}
