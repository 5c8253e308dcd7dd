/** One picture of `chasqui top`: everything that is known → exactly as many lines, of exactly as many cells, as the terminal has. Pure. */

import { roughDuration } from '../../app/quantities.ts'
import type { Colors } from '../screen.ts'
import { curve, ends, fit, share } from './layout.ts'
import type { Look } from './looks.ts'
import { type History, NO_HISTORY, ratesOf } from './rates.ts'
import { rateText, type Section, sectionsOf, VIEWS, type View, whole } from './sections.ts'

export interface Picture {
  readonly address: string
  readonly history: History
  readonly view: View
  /** Rows of the list that are above the screen. */
  readonly scrolled: number
  readonly isPaused: boolean
  readonly isHelp: boolean
  /** What is wrong with the connection, in a sentence; null: nothing. */
  readonly trouble: string | null
  /** Shown as the time; that of the last look where nothing is wrong. */
  readonly nowMs: number
}

/** Before anything was seen or pressed. */
export const FIRST_PICTURE: Picture = {
  address: '',
  history: NO_HISTORY,
  view: 'overview',
  scrolled: 0,
  isPaused: false,
  isHelp: false,
  trouble: null,
  nowMs: 0,
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

const HELP: readonly string[] = [
  'tab, → ←     the next view, the one before: overview, queues, workers, failures',
  '1 2 3 4      a view by its number',
  '↓ ↑, j k     scroll a list; page down and page up by a screen, home to its begin',
  'p, space     hold the picture; the same again lets it go on',
  '?, h         this help, and back',
  'q, Ctrl-C    end',
]

export function frame(picture: Picture, { columns, rows }: Size, colors: Colors): string[] {
  const look = picture.history.looks.at(-1)
  const head = headOf(picture, look, columns, colors)
  const foot = colors.dim(fit('tab view   ↑↓ scroll   p pause   ? help   q quit', columns))
  const room = Math.max(0, rows - head.length - 1)
  const body = bodyOf(picture, look, { columns, rows: room }, colors).slice(0, room)
  while (body.length < room) body.push(' '.repeat(columns))
  return [...head, ...body, foot].slice(0, rows)
}

function headOf(picture: Picture, look: Look | undefined, columns: number, colors: Colors): string[] {
  const { address, view, isPaused, trouble, nowMs, history } = picture
  const engine = look === undefined ? '' : `  ${look.report.kind}, ${look.report.durability}`
  const time = new Date(nowMs).toISOString().slice(11, 19)
  const title = ends(
    `chasqui top  ${address}${engine}`,
    `${isPaused ? 'paused  ' : ''}${view}  ${time} UTC`,
    columns,
  )
  const state = trouble === null ? totalsOf(look, history) : trouble
  return [
    colors.inverse(title),
    trouble === null ? fit(state, columns) : colors.red(fit(state, columns)),
    ' '.repeat(columns),
  ]
}

function totalsOf(look: Look | undefined, history: History): string {
  if (look === undefined) return 'looking…'
  const { queues, consumers } = look.report
  const sum = (of: (queue: (typeof queues)[number]) => number) =>
    queues.reduce((all, one) => all + of(one), 0)
  const slots = consumers.reduce((all, { slots }) => all + slots, 0)
  const oldest = Math.min(
    ...queues.map(({ oldestQueuedAtMs }) => oldestQueuedAtMs ?? Number.POSITIVE_INFINITY),
  )
  const { submitted, succeeded, failed } = ratesOf(history)
  return [
    `in ${rateText(submitted)}/s`,
    `done ${rateText(succeeded)}/s ${curve(history.curve)}`.trimEnd(),
    `failed ${rateText(failed)}/s`,
    `queued ${whole(sum(({ queued }) => queued))}`,
    ...(Number.isFinite(oldest) ? [`oldest ${roughDuration(Math.max(0, look.atMs - oldest))}`] : []),
    `running ${whole(sum(({ running }) => running))} on ${whole(slots)} slots`,
    `scheduled ${whole(sum(({ scheduled }) => scheduled))}`,
  ].join('   ')
}

function bodyOf(
  { view, isHelp, history, scrolled }: Picture,
  look: Look | undefined,
  size: Size,
  colors: Colors,
) {
  const { columns, rows } = size
  if (isHelp) return HELP.map((line) => fit(line, columns))
  if (look === undefined) return []
  const sections = sectionsOf(look, history)
  if (view !== 'overview') return sectionLines(sections[view], scrolled, rows - 2, columns, colors)
  const shown = [sections.queues, sections.workers, sections.failures]
  // Each has its name, its titles and a line below; what has no rows says so in one.
  const shares = share(
    rows - 3 * shown.length,
    shown.map(({ length }) => Math.max(1, length)),
  )
  return shown.flatMap((section, at) => [
    ...sectionLines(section, 0, shares[at]!, columns, colors),
    ' '.repeat(columns),
  ])
}

function sectionLines(
  section: Section,
  first: number,
  count: number,
  columns: number,
  colors: Colors,
): string[] {
  const { title, length, empty } = section
  const last = Math.min(length, first + count)
  const part =
    last - first < length
      ? `${title} ${first + 1} to ${last} of ${whole(length)}`
      : `${title} ${whole(length)}`
  const name = colors.bold(fit(part, columns))
  if (length === 0) return [name, colors.dim(fit(empty, columns))]
  if (count <= 0) return [name]
  const [titles, ...lines] = section.lines(first, count, columns)
  return [name, colors.dim(titles!), ...lines]
}

/** How far down a list of the view can be scrolled. */
export function scrollMax({ view, history }: Picture, { rows }: Size): number {
  const look = history.looks.at(-1)
  if (view === 'overview' || look === undefined) return 0
  // The head has three lines, the foot one, the list two of its own.
  return Math.max(0, sectionsOf(look, history)[view].length - Math.max(1, rows - 6))
}

export function viewAfter(view: View, step: number): View {
  return VIEWS[(VIEWS.indexOf(view) + step + VIEWS.length) % VIEWS.length]!
}
