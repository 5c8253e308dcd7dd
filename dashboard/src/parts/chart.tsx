/**
 * A few lines over time, by uPlot. The canvas is for eyes; the same numbers stand in the legend as text, and the label says what it is.
 *
 * Invariant: made anew when the theme or the language changes (a canvas knows no CSS), otherwise only fed.
 */

import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { colour, shade } from '../look/theme.ts'
import { language } from '../words/words.ts'

export interface Line {
  readonly title: string
  /** Name of a colour of the theme. */
  readonly colour: string
  readonly values: readonly (number | null)[]
  readonly isFilled?: boolean
  readonly isDashed?: boolean
}

export interface ChartProps {
  readonly label: string
  readonly atMs: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
}

const HEIGHT = 168
/** The window that is shown: it grows with what is known. */
const SPAN_S_MIN = 60
const SPAN_S_MAX = 300

export function Chart({ label, atMs, lines, format }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const asked = useRef({ lines, format })
  asked.current = { lines, format }
  const titles = lines.map(({ title }) => title).join()
  const look = `${shade.value} ${language.value} ${titles}`
  useEffect(() => {
    const made = new uPlot(optionsOf(asked.current, box.current!.clientWidth), [[]], box.current!)
    plot.current = made
    const observer = new ResizeObserver(([entry]) => {
      made.setSize({ width: entry!.contentRect.width, height: HEIGHT })
    })
    observer.observe(box.current!)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [look])
  useEffect(() => {
    const seconds = atMs.map((ms) => ms / 1_000)
    plot.current?.setData([seconds, ...lines.map(({ values }) => [...values])] as uPlot.AlignedData, false)
    const end = seconds.at(-1) ?? Date.now() / 1_000
    const span = Math.min(SPAN_S_MAX, Math.max(SPAN_S_MIN, end - (seconds[0] ?? end)))
    plot.current?.setScale('x', { min: end - span, max: end })
  }, [atMs, lines, look])
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{label}</span>
        {lines.map(({ title, colour: name, values, isDashed }) => (
          <span class="chart-key" key={title}>
            <span class={isDashed ? 'swatch swatch-dashed' : 'swatch'} style={{ color: `var(--${name})` }} />
            {title} <b>{values.length === 0 ? '–' : said(values.at(-1), format)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={box} class="chart-box" aria-hidden="true" />
    </figure>
  )
}

function said(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value)
}

function optionsOf({ lines, format }: Pick<ChartProps, 'lines' | 'format'>, width: number): uPlot.Options {
  const [ink, faint] = [colour('ink-soft'), colour('line')]
  const axis = { stroke: ink, grid: { stroke: faint, width: 1 }, ticks: { stroke: faint, width: 1 } }
  const font = `11px ${getComputedStyle(document.body).fontFamily}`
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 4, 0, 0],
    scales: {
      x: { time: true },
      // Room above zero, so that nothing is a flat line at the edge.
      y: { range: (_plot, _min, max) => [0, max === null || max <= 0 ? 1 : max * 1.1] },
    },
    axes: [
      {
        ...axis,
        font,
        size: 26,
        space: 70,
        values: (_plot, seconds) => seconds.map((at) => minuteOf(at)),
      },
      { ...axis, font, size: 62, space: 32, values: (_plot, values) => values.map((value) => format(value)) },
    ],
    series: [
      {},
      ...lines.map(({ title, colour: name, isFilled, isDashed }): uPlot.Series => {
        const stroke = colour(name)
        return {
          label: title,
          stroke,
          width: 1.5,
          points: { show: false },
          ...(isFilled ? { fill: stroke.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.12)') } : {}),
          ...(isDashed ? { dash: [5, 4] } : {}),
        }
      }),
    ],
  }
}

function minuteOf(seconds: number): string {
  return new Intl.DateTimeFormat(language.peek(), {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  }).format(seconds * 1_000)
}
