/** What the figures are held against: ours compared with a peer's of the same run, or with a number. */

import type { CellName } from './cells.ts'

export interface Target {
  readonly what: string
  readonly cell: CellName
  readonly metric: string
  /** The system whose median ours is divided by; null: the figure itself counts. */
  readonly against: string | null
  readonly atLeast: string
  readonly aim: string
  /** Of the ratio, or of the figure. */
  met(value: number): boolean
}

const EVERYSEC = 'BullMQ everysec'
const ALWAYS = 'BullMQ always'

export const TARGETS: readonly Target[] = [
  ratio('end to end over TCP', 'end', EVERYSEC, 4, 8),
  ratio('256 in flight, confirmed/s', 'many', EVERYSEC, 2, 3),
  ratio('drain by one worker process', 'drain', EVERYSEC, 3, 5),
  {
    ...ratio('one in flight', 'one', ALWAYS, 1.5, Number.NaN),
    aim: 'one fdatasync',
  },
  below('pick-up p50 at a low rate', 'low'),
  below('pick-up p50 at 1,000/s', 'paced'),
]

function ratio(what: string, cell: CellName, against: string, atLeast: number, aim: number): Target {
  return {
    what,
    cell,
    metric: 'rate',
    against,
    atLeast: `${atLeast} × ${against}`,
    aim: `${aim} ×`,
    met: (value) => value >= atLeast,
  }
}

function below(what: string, cell: CellName): Target {
  return {
    what,
    cell,
    metric: 'pickUpP50Ms',
    against: EVERYSEC,
    atLeast: `below ${EVERYSEC}`,
    aim: '0.4 ms',
    met: (value) => value < 1,
  }
}
