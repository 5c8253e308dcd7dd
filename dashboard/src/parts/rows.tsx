/**
 * A table of any length: only the rows in sight are in the document, so a hundred thousand cost what thirty cost.
 *
 * A grid for keyboard and screen reader: the focus is on the whole, the current row is named by `aria-activedescendant`.
 * Invariant: all rows have the same height, so nothing is measured while it scrolls.
 */
// biome-ignore-all lint/a11y/useSemanticElements: a table element cannot hold rows that are not there
// biome-ignore-all lint/a11y/useFocusableInteractive: the focus is on the grid, which names its current row
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the keys are heard by the grid

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from '@tanstack/virtual-core'
import type { ComponentChildren, TargetedKeyboardEvent } from 'preact'
import { useId, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks'

/** Rows beyond the edge that are there already. */
const OVERSCAN_ROWS = 12
/** So many rows before the end the next ones are asked for. */
const NEAR_END_ROWS = 60

export interface Column<Item> {
  readonly name: string
  readonly title: string
  readonly cell: (item: Item) => ComponentChildren
}

export interface RowsProps<Item> {
  readonly label: string
  readonly items: readonly Item[]
  readonly keyOf: (item: Item) => string
  readonly columns: readonly Column<Item>[]
  /** For the widths of the columns: `rows-NAME` in the style sheet. */
  readonly name: string
  readonly rowHeight: number
  readonly selected?: ReadonlySet<string>
  readonly onToggle?: (item: Item) => void
  readonly onOpen: (item: Item) => void
  readonly onNearEnd?: () => void
  /** Whether somebody has left the first rows. */
  readonly onAway?: (isAway: boolean) => void
}

export function Rows<Item>(props: RowsProps<Item>) {
  const { label, items, keyOf, columns, name, rowHeight, selected, onNearEnd } = props
  const box = useRef<HTMLDivElement>(null)
  const id = useId()
  const [active, setActive] = useState(0)
  const virtual = useVirtual(box, items.length, rowHeight)
  const shown = virtual.getVirtualItems()
  const lastShown = shown.at(-1)?.index ?? 0
  const isNearEnd = items.length > 0 && lastShown >= items.length - NEAR_END_ROWS
  useLayoutEffect(() => {
    if (isNearEnd) onNearEnd?.()
  }, [isNearEnd, items.length])

  const isAway = (virtual.scrollOffset ?? 0) > rowHeight
  useLayoutEffect(() => props.onAway?.(isAway), [isAway])

  const current = Math.min(active, items.length - 1)
  const moveTo = (index: number) => {
    const next = Math.max(0, Math.min(items.length - 1, index))
    setActive(next)
    virtual.scrollToIndex(next)
  }
  const onKeyDown = (event: TargetedKeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget) return
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / rowHeight) - 1)
    const item = items[current]
    const acts: Record<string, (() => void) | undefined> = {
      ArrowDown: () => moveTo(current + 1),
      ArrowUp: () => moveTo(current - 1),
      PageDown: () => moveTo(current + page),
      PageUp: () => moveTo(current - page),
      Home: () => moveTo(0),
      End: () => moveTo(items.length - 1),
      Enter: () => item !== undefined && props.onOpen(item),
      ' ': () => item !== undefined && props.onToggle?.(item),
    }
    const act = acts[event.key]
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    act()
  }
  return (
    <div
      class={`rows rows-${name}`}
      ref={box}
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={items.length + 1}
      aria-multiselectable={selected !== undefined}
      aria-activedescendant={items.length === 0 ? undefined : `${id}-${current}`}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" class="rows-head">
        <div role="row" aria-rowindex={1} class="row">
          {columns.map((column) => (
            <div role="columnheader" key={column.name} class={`cell cell-${column.name}`}>
              {column.title}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" class="rows-body" style={{ blockSize: `${virtual.getTotalSize()}px` }}>
        {shown.map(({ index, start }) => {
          const item = items[index]
          if (item === undefined) return null
          return (
            <div
              role="row"
              key={keyOf(item)}
              id={`${id}-${index}`}
              aria-rowindex={index + 2}
              {...(selected === undefined ? {} : { 'aria-selected': selected.has(keyOf(item)) })}
              class={index === current ? 'row row-active' : 'row'}
              style={{ transform: `translateY(${start}px)`, blockSize: `${rowHeight}px` }}
              onClick={() => setActive(index)}
            >
              {columns.map((column) => (
                <div role="gridcell" key={column.name} class={`cell cell-${column.name}`}>
                  {column.cell(item)}
                </div>
              ))}
            </div>
          )
        })}
      </div>
    </div>
  )
}

function useVirtual(box: { readonly current: HTMLDivElement | null }, count: number, rowHeight: number) {
  const [, draw] = useReducer((turn: number) => turn + 1, 0)
  const options: VirtualizerOptions<HTMLDivElement, HTMLDivElement> = {
    count,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN_ROWS,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => draw(undefined),
  }
  const [virtual] = useState(() => new Virtualizer(options))
  virtual.setOptions({ ...virtual.options, ...options })
  useLayoutEffect(() => virtual._didMount(), [virtual])
  useLayoutEffect(() => virtual._willUpdate())
  useLayoutEffect(() => virtual.measure(), [rowHeight])
  return virtual
}
