/** The system at a glance: how much comes and goes, how long it takes, what waits, and what the server is made of. */

import type { Stats } from '../api/shapes.ts'
import { type Point, sumOf, type Totals } from '../live/rates.ts'
import { points, stats } from '../live/stats.ts'
import { useLatency } from '../live/use-latency.ts'
import { bytes, clockTime, count, duration, perSecond } from '../look/figures.ts'
import { nowMs } from '../look/now.ts'
import { Chart } from '../parts/chart.tsx'
import { Empty } from '../parts/notice.tsx'
import { writeAddress } from '../route/address.ts'
import { language, t } from '../words/words.ts'
import { Backlog } from './backlog.tsx'

export function OverviewScreen() {
  const now = stats.value
  if (now === null) return <Empty>{t('contact.waiting')}</Empty>
  const totals = sumOf(now.queues)
  return (
    <>
      <Tiles stats={now} totals={totals} point={points.value.at(-1)} />
      <div class="charts">
        <RateChart />
        <LatencyChart />
        <BacklogChart />
      </div>
      <Backlog queues={now.queues} />
      <ServerFacts stats={now} />
    </>
  )
}

function Tiles({
  stats: { workers },
  totals,
  point,
}: {
  readonly stats: Stats
  readonly totals: Totals
  readonly point: Point | undefined
}) {
  const number = (value: number) => count(value, language.value)
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0)
  const processes = new Set(workers.map(({ worker }) => worker.id)).size
  const oldest = totals.oldestQueuedAt
  return (
    <ul class="tiles">
      <Tile
        title={t('overview.submitted')}
        value={rate(point?.submittedRate)}
        note={t('overview.total', { count: totals.submitted })}
      />
      <Tile
        title={t('overview.succeeded')}
        value={rate(point?.succeededRate)}
        note={t('overview.total', { count: totals.succeeded })}
      />
      <Tile
        title={t('state.queued')}
        value={number(totals.queued)}
        note={t('overview.scheduled', { count: totals.scheduled + totals.blocked })}
        href={writeAddress('tasks', { filters: { state: 'queued' } })}
      />
      <Tile
        title={t('overview.oldest')}
        value={oldest === null ? '–' : duration(Math.max(0, nowMs.value - Date.parse(oldest)))}
        note={t('overview.oldestNote')}
      />
      <Tile
        title={t('state.running')}
        value={number(totals.running)}
        note={t('overview.slots', { count: slots })}
        href={writeAddress('tasks', { filters: { state: 'running' } })}
      />
      <Tile
        title={t('nav.workers')}
        value={number(processes)}
        note={processes === 0 && totals.queued > 0 ? t('overview.noWorker') : t('overview.connected')}
        href={writeAddress('workers')}
        isBad={processes === 0 && totals.queued > 0}
      />
      <Tile
        title={t('nav.dead')}
        value={number(totals.failed)}
        note={t('overview.lost', { rate: rate(point?.lostRate) })}
        href={writeAddress('dead')}
        isBad={totals.failed > 0}
      />
    </ul>
  )
}

function rate(value: number | undefined): string {
  return value === undefined ? '–' : `${perSecond(value, language.value)}/s`
}

function Tile({
  title,
  value,
  note,
  href,
  isBad = false,
}: {
  readonly title: string
  readonly value: string
  readonly note: string
  readonly href?: string
  readonly isBad?: boolean
}) {
  const inner = (
    <>
      <span class="tile-title">{title}</span>
      <span class={isBad ? 'tile-value bad' : 'tile-value'}>{value}</span>
      <span class="tile-note">{note}</span>
    </>
  )
  return <li class="tile">{href === undefined ? <div>{inner}</div> : <a href={href}>{inner}</a>}</li>
}

function RateChart() {
  const seen = points.value
  return (
    <Chart
      label={t('overview.rates')}
      atMs={seen.map(({ atMs }) => atMs)}
      format={(value) => `${perSecond(value, language.peek())}/s`}
      lines={[
        { title: t('overview.in'), colour: 'info', values: seen.map((point) => point.submittedRate) },
        {
          title: t('overview.done'),
          colour: 'good',
          values: seen.map((point) => point.succeededRate),
          isFilled: true,
        },
        { title: t('overview.bad'), colour: 'bad', values: seen.map((point) => point.lostRate) },
      ]}
    />
  )
}

function LatencyChart() {
  const seen = useLatency()
  const wait = t('overview.wait')
  const run = t('overview.run')
  return (
    <Chart
      label={t('overview.latency')}
      atMs={seen.map(({ atMs }) => atMs)}
      format={duration}
      lines={[
        { title: `${wait} p50`, colour: 'info', values: seen.map(({ waitMs }) => waitMs.p50) },
        {
          title: `${wait} p95`,
          colour: 'info',
          values: seen.map(({ waitMs }) => waitMs.p95),
          isDashed: true,
        },
        { title: `${run} p50`, colour: 'accent', values: seen.map(({ runMs }) => runMs.p50) },
        { title: `${run} p95`, colour: 'accent', values: seen.map(({ runMs }) => runMs.p95), isDashed: true },
      ]}
    />
  )
}

function BacklogChart() {
  const seen = points.value
  return (
    <Chart
      label={t('overview.backlog')}
      atMs={seen.map(({ atMs }) => atMs)}
      format={(value) => (Number.isInteger(value) ? count(value, language.peek()) : '')}
      lines={[
        {
          title: t('state.queued'),
          colour: 'warn',
          values: seen.map(({ waiting }) => waiting),
          isFilled: true,
        },
        { title: t('state.running'), colour: 'info', values: seen.map(({ running }) => running) },
      ]}
    />
  )
}

/** Sizes of the store come under their own names: they differ from engine to engine. */
function ServerFacts({ stats: { server, engine, durability, store } }: { readonly stats: Stats }) {
  const facts: [string, string][] = [
    [t('server.version'), server.version],
    [t('server.engine'), `${engine} · ${durability}`],
    [t('server.uptime'), duration(server.uptimeMs)],
    ['PID', String(server.pid)],
    [t('server.connections'), count(server.connections, language.value)],
    [t('server.memory'), bytes(server.memory.rssBytes)],
    ...Object.entries(store).map(([name, value]): [string, string] => [spaced(name), storeFact(name, value)]),
  ]
  return (
    <section class="panel" aria-labelledby="server-title">
      <h2 id="server-title">{t('server.title')}</h2>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

/** `diskFreeBytes` → `disk free bytes`: names of programs, made readable. */
function spaced(name: string): string {
  return t('server.store', { name: name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`) })
}

function storeFact(name: string, value: number | string): string {
  if (typeof value === 'string') {
    return /^\d{4}-\d\d-\d\dT/.test(value) ? clockTime(value, nowMs.value, language.value) : value
  }
  if (/bytes$/i.test(name)) return bytes(value)
  return /ms$/i.test(name) ? duration(value) : count(value, language.value)
}
