/**
 * What commands write. Results go to standard output, everything about the work itself to standard error; colours only where a terminal
 * shows them (NO_COLOR and FORCE_COLOR are heeded).
 *
 * With `--json` standard output is one JSON value a line and nothing else.
 */

import { stripVTControlCharacters } from 'node:util'
import pico from 'picocolors'

export type Colors = ReturnType<typeof pico.createColors>

export interface Screen {
  readonly json: boolean
  /** For standard output. */
  readonly colors: Colors
  /** For standard error. */
  readonly errorColors: Colors
  /** A line of the result. */
  line(text: string): void
  /** The same as a JSON line. */
  value(value: unknown): void
  /** A remark on standard error; left out with `--json`. */
  note(text: string): void
  /** Resolves when standard output can take more: whoever writes a lot waits for it. */
  ready(): Promise<void>
}

export function createScreen(json: boolean): Screen {
  return {
    json,
    colors: colorsFor(process.stdout),
    errorColors: colorsFor(process.stderr),
    line: (text) => void process.stdout.write(`${text}\n`),
    value: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    note: (text) => {
      if (!json) process.stderr.write(`${text}\n`)
    },
    ready: () =>
      process.stdout.writableNeedDrain
        ? new Promise((resolve) => process.stdout.once('drain', resolve))
        : Promise.resolve(),
  }
}

function colorsFor(stream: NodeJS.WriteStream): Colors {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR !== undefined && NO_COLOR !== '') return pico.createColors(false)
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '0') return pico.createColors(true)
  return pico.createColors(stream.isTTY === true && TERM !== 'dumb')
}

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly right?: boolean
}

/** Rows under their titles, as wide as what stands in them. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  colors: Colors,
): string[] {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)))
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((row) => widthOf(row[at]!))),
  )
  const lay = (row: readonly string[]) =>
    row
      .map((text, at) => {
        const gap = ' '.repeat(widths[at]! - widthOf(text))
        return columns[at]!.right ? gap + text : text + gap
      })
      .join('  ')
      .trimEnd()
  return [colors.dim(lay(columns.map((column) => column.title))), ...cells.map(lay)]
}

function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/** One line of at most `length` characters; what a stranger wrote must not steer the terminal. */
export function shortText(text: string, length: number): string {
  const plain = stripVTControlCharacters(text).replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
  return plain.length > length ? `${plain.slice(0, length - 1)}…` : plain
}
