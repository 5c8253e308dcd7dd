/** Measurements as tables for people. Every figure is a median with its range; a single one stands alone. */

import { CELLS, type CellName, type Metrics } from './cells.ts'
import { type Spread, spreadOf } from './statistics.ts'
import { type Figure, TARGETS } from './targets.ts'

export interface Sample {
  readonly cell: CellName
  readonly system: string
  readonly round: number
  readonly metrics: Metrics
}

export interface Summary {
  readonly cell: CellName
  readonly system: string
  readonly metrics: Readonly<Record<string, Spread>>
}

export function summarize(samples: readonly Sample[]): readonly Summary[] {
  const groups = Map.groupBy(samples, ({ cell, system }) => `${cell} ${system}`)
  return [...groups.values()].map((group) => {
    const { cell, system, metrics } = group[0]!
    const names = Object.keys(metrics).filter((name) =>
      group.every((one) => !Number.isNaN(one.metrics[name]!)),
    )
    const spreads = names.map((name) => [name, spreadOf(group.map((one) => one.metrics[name]!))] as const)
    return { cell, system, metrics: Object.fromEntries(spreads) }
  })
}

export function tables(summaries: readonly Summary[]): string {
  const cells = [...new Set(summaries.map(({ cell }) => cell))]
  return [...cells.map((cell) => cellTable(cell, summaries)), targetTable(summaries)].join('\n')
}

function cellTable(cell: CellName, summaries: readonly Summary[]): string {
  const rows = summaries.filter((summary) => summary.cell === cell)
  const names = [...new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)))]
  const n = Math.max(...rows.flatMap(({ metrics }) => Object.values(metrics).map((spread) => spread.n)))
  const body = rows.map(({ system, metrics }) => [
    system,
    ...names.map((name) => (metrics[name] === undefined ? '' : spreadText(name, metrics[name]))),
  ])
  return `${CELLS[cell].title} (n = ${n})\n${markdown([['', ...names.map(heading)], ...body])}`
}

function targetTable(summaries: readonly Summary[]): string {
  const median = ({ system, cell, metric }: Figure) =>
    summaries.find((one) => one.cell === cell && one.system === system)?.metrics[metric]?.median
  const rows = TARGETS.flatMap(({ what, ours, against, atLeast, aim, met }) => {
    const value = median(ours)
    const divisor = against === null ? 1 : median(against)
    if (value === undefined || divisor === undefined) return []
    const ratio = value / divisor
    const ratioText = against === null ? '' : `${ratio.toFixed(2)} ×`
    return [[what, figure(ours.metric, value), ratioText, atLeast, aim, met(ratio) ? 'yes' : 'NO']]
  })
  if (rows.length === 0) return ''
  return `Targets\n${markdown([['', 'ours', 'ratio', 'at least', 'aim', 'at least met'], ...rows])}`
}

/** `pickUpP50Ms` → `pickUp p50 ms`; `cpu.server` → `server % of a core`. */
function heading(name: string): string {
  if (name.startsWith('cpu.')) return `${name.slice(4)} %`
  return name
    .replace(/P(\d\d)/, ' p$1')
    .replace(/Ms$/, ' ms')
    .replace(/Mib$/, ' MiB')
    .trim()
}

export function figure(name: string, value: number): string {
  if (/rate$/i.test(name)) return `${(value / 1_000).toFixed(value < 9_950 ? 2 : 1)}k`
  if (/Ms$/.test(name) && value < 100) return value.toFixed(2)
  return value.toFixed(0)
}

function spreadText(name: string, { median, min, max, n }: Spread): string {
  if (n === 1 || name.startsWith('cpu.')) return figure(name, median)
  return `${figure(name, median)} [${figure(name, min)}–${figure(name, max)}]`
}

function markdown(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) => Math.max(3, ...rows.map((row) => row[at]!.length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((text, at) => text.padEnd(widths[at]!)).join(' | ')} |\n`
  return line(rows[0]!) + line(widths.map((width) => '-'.repeat(width))) + rows.slice(1).map(line).join('')
}
