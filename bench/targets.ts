/** What the figures are held against: ours divided by another figure of the same run, or as they are. */

import type { CellName } from './cells.ts'

export interface Figure {
  readonly system: string
  readonly cell: CellName
  readonly metric: string
}

export interface Target {
  readonly what: string
  readonly ours: Figure
  /** What ours is divided by; null: the figure itself counts. */
  readonly against: Figure | null
  readonly atLeast: string
  readonly aim: string
  /** Of the ratio, or of the figure. */
  met(value: number): boolean
}

const OURS = 'Chasqui'
const LOCKED = 'Chasqui TLS'
const CLUSTER = 'Chasqui cluster'
const EVERYSEC = 'BullMQ everysec'
const ALWAYS = 'BullMQ always'

export const TARGETS: readonly Target[] = [
  faster('end to end over TCP', 'end', EVERYSEC, 4, '8 ×'),
  {
    what: 'end to end over TLS with a token',
    ours: { system: LOCKED, cell: 'end', metric: 'rate' },
    against: { system: OURS, cell: 'end', metric: 'rate' },
    atLeast: '70 % of the plain rate',
    aim: '90 %',
    met: (value) => value >= 0.7,
  },
  faster('256 in flight, confirmed/s', 'many', EVERYSEC, 2, '3 ×'),
  faster('drain by one worker process', 'drain', EVERYSEC, 3, '5 ×'),
  faster('one in flight', 'one', ALWAYS, 1.5, 'one fdatasync'),
  sooner('pick-up p50 at 50/s', 'low'),
  sooner('pick-up p50 at 1,000/s', 'paced'),
  flat('256 in flight with the backlog', 'many', 'submitRate'),
  flat('drain with the backlog', 'drain', 'drainRate'),
  flat('end to end with the backlog', 'end', 'endRate'),
  below('memory with the backlog', 'fullMib', 250, '250 MiB'),
  below('memory after work with the backlog', 'usedMib', 250, '250 MiB'),
  clustered(faster('end to end over TCP', 'end', EVERYSEC, 2, '')),
  clustered(faster('end to end over TCP', 'end', 'pg-boss', 10, '')),
  clustered(faster('end to end over TCP', 'end', 'Celery', 20, '')),
  clustered(faster('end to end over TCP', 'end', 'amqplib', 0, '1.5 × amqplib')),
  clustered(faster('256 in flight, confirmed/s', 'many', EVERYSEC, 1, '60k')),
  clustered(flat('256 in flight with the backlog', 'many', 'submitRate')),
  clustered(flat('drain with the backlog', 'drain', 'drainRate')),
  clustered(flat('end to end with the backlog', 'end', 'endRate')),
  ...(['aged', 'held'] as const).flatMap((cell) => [
    lasting(cell, 'end to end', 'rate', 'laterRate'),
    lasting(cell, 'what falls due at once', 'moverRate', 'laterMoverRate'),
  ]),
  within('paced', 'pickUpP50Ms', 5, '2 ms'),
  within('paced', 'pickUpP99Ms', 20, '8 ms'),
  below('reopen after kill -9 with the backlog, process start included', 'reopenMs', 1_000, '1 s'),
]

function clustered(target: Target): Target {
  const against = target.against?.system === OURS ? { ...target.against, system: CLUSTER } : target.against
  return { ...target, what: `cluster: ${target.what}`, ours: { ...target.ours, system: CLUSTER }, against }
}

/** Two figures of one cell: at first, and later. */
function lasting(cell: 'aged' | 'held', what: string, first: string, later: string): Target {
  return {
    what: `cluster, ${cell}: ${what}`,
    ours: { system: CLUSTER, cell, metric: later },
    against: { system: CLUSTER, cell, metric: first },
    atLeast: '80 % of the fresh rate',
    aim: 'flat',
    met: (value) => value >= 0.8,
  }
}

function within(cell: CellName, metric: string, limit: number, aim: string): Target {
  return {
    what: `cluster: ${metric} at 1,000/s`,
    ours: { system: CLUSTER, cell, metric },
    against: null,
    atLeast: `${limit} ms`,
    aim,
    met: (value) => value <= limit,
  }
}

function faster(what: string, cell: CellName, peer: string, atLeast: number, aim: string): Target {
  return {
    what,
    ours: { system: OURS, cell, metric: 'rate' },
    against: { system: peer, cell, metric: 'rate' },
    atLeast: `${atLeast} × ${peer}`,
    aim,
    met: (value) => value >= atLeast,
  }
}

function sooner(what: string, cell: CellName): Target {
  const metric = 'pickUpP50Ms'
  return {
    what,
    ours: { system: OURS, cell, metric },
    against: { system: EVERYSEC, cell, metric },
    atLeast: `below ${EVERYSEC}`,
    aim: '0.4 ms',
    met: (value) => value < 1,
  }
}

function flat(what: string, cell: CellName, metric: string): Target {
  return {
    what,
    ours: { system: OURS, cell: 'backlog', metric },
    against: { system: OURS, cell, metric: 'rate' },
    atLeast: '80 % of the empty rate',
    aim: 'flat',
    met: (value) => value >= 0.8,
  }
}

function below(what: string, metric: string, limit: number, atLeast: string): Target {
  return {
    what,
    ours: { system: OURS, cell: 'backlog', metric },
    against: null,
    atLeast,
    aim: '',
    met: (value) => value <= limit,
  }
}
