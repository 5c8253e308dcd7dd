/** Text in cells of a terminal: wide characters take two, colours none. Pure. */

import sliceAnsi from 'slice-ansi'
import stringWidth from 'string-width'
import { shortText } from '../screen.ts'

/** Exactly so many cells: cut, or filled up. */
export function fit(text: string, width: number, right = false): string {
  const taken = stringWidth(text)
  if (taken > width) return width <= 1 ? cut(text, width) : `${cut(text, width - 1)}…`
  const gap = ' '.repeat(width - taken)
  return right ? gap + text : text + gap
}

/** A wide character that would be cut in two is left out, and its half filled up. */
function cut(text: string, width: number): string {
  const part = sliceAnsi(text, 0, width)
  return part + ' '.repeat(width - stringWidth(part))
}

/** Both ends of a line; where they do not fit the right one goes first. */
export function ends(left: string, right: string, width: number): string {
  const room = width - stringWidth(left) - 2
  return room < stringWidth(right) ? fit(left, width) : left + fit(right, room + 2, true)
}

export interface Cells<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly right?: boolean
  /** Cells at most; the last column takes what is left. */
  readonly widthMax?: number
}

const GAP = '  '

/** A table in exactly `width` cells: its titles, then a line for each row. What strangers wrote cannot steer the terminal. */
export function table<Row>(columns: readonly Cells<Row>[], rows: readonly Row[], width: number): string[] {
  const cells = rows.map((row) => columns.map(({ cell }) => shortText(cell(row), width)))
  let left = width
  const widths = columns.map(({ title, widthMax = width }, at) => {
    const wanted = Math.min(
      widthMax,
      Math.max(stringWidth(title), ...cells.map((row) => stringWidth(row[at]!))),
    )
    const given = Math.min(wanted, Math.max(0, left))
    left -= given + GAP.length
    return given
  })
  const lay = (row: readonly string[]) =>
    fit(row.map((text, at) => fit(text, widths[at]!, columns[at]!.right)).join(GAP), width)
  return [lay(columns.map(({ title }) => title)), ...cells.map(lay)]
}

const BARS = '▁▂▃▄▅▆▇█'

/** Each value as a bar, the highest as a whole one. */
export function curve(values: readonly number[]): string {
  const highest = Math.max(...values, 0)
  if (highest === 0) return BARS[0]!.repeat(values.length)
  return values.map((value) => BARS[Math.min(7, Math.floor((value / highest) * 8))]).join('')
}

/** How many rows each of several lists gets, where all of them do not fit: what one does not need, the others have. */
export function share(rows: number, needs: readonly number[]): number[] {
  const got = needs.map(() => 0)
  for (let left = Math.max(0, rows); left > 0; ) {
    const hungry = needs.flatMap((need, at) => (got[at]! < need ? [at] : []))
    if (hungry.length === 0) return got
    for (const at of hungry) {
      if (left === 0) break
      got[at]!++
      left--
    }
  }
  return got
}
