/** What `npm run bench -- …` understands. Everything is bounded: windows in seconds, fills in tasks, rounds in number. */

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { CELL_NAMES, type CellName } from './cells.ts'

export interface BenchOptions {
  readonly cells: readonly CellName[]
  readonly rounds: number
  /** Which of our engines is measured. */
  readonly engine: 'embedded' | 'cluster'
  /** Runs the peers too, on servers of our own. */
  readonly peers: boolean
  /** Runs ours behind TLS and a token, too. */
  readonly tls: boolean
  /** Measures what being watched costs, instead: with metrics off, scraped, and scraped with a listener to all events. */
  readonly watched: boolean
  /** Queued tasks of the backlog cells. */
  readonly backlog: number
  /** Full load between the two measurements of the cells `aged` and `held`. */
  readonly ageMs: number
  /** Time for submitting tasks that fall due at once. */
  readonly fillMs: number
  readonly windowMs: number
  readonly warmUpMs: number
  /** Multiplies the tasks that are queued before a drain. */
  readonly scale: number
  readonly workers: number
  readonly json: boolean
  /** Where V8 profiles of our processes are written; null: nowhere. */
  readonly profileDir: string | null
  /** Folder under which the stores live: it decides whose disk is measured. */
  readonly dir: string
}

export const USAGE = `npm run bench -- [options]

  --only CELL,…      only these of: ${CELL_NAMES.join(', ')}
  --engine NAME      embedded (default), or cluster: PostgreSQL and RabbitMQ of our own, workers directly on them
  --peers            also BullMQ on private redis-servers (appendfsync everysec, and always); with the cluster
                     BullMQ everysec, pg-boss, Celery and bare amqplib
  --tls              also ours behind TLS and a token, on the embedded engine (with --only end,dial: what the locks cost)
  --watched          instead what being watched costs: with metrics off, scraped once a second, and scraped with a listener to
                     all events; for example --watched --only end,many
  --rounds N         rounds of every cell on every system (default 3)
  --backlog N        queued tasks of the backlog cells (default 100000; the full setting is 1000000)
  --age SECONDS      full load between the two measurements of aged and held (default 20; the full settings are 600 and 300)
  --workers N        worker processes of ours (default 1)
  --window SECONDS   length of a measurement (default 3)
  --quick            one short round, for a first impression
  --smoke            as little as possible: shows that everything runs, measures nothing
  --dir DIR          where the stores live (default: the temporary folder)
  --cpu-prof DIR     V8 profiles of our processes; then: node bench/profile.ts DIR
  --json             one JSON document on standard output instead of tables
`

/** @returns null when only help was asked for */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      engine: { type: 'string', default: 'embedded' },
      peers: { type: 'boolean', default: false },
      tls: { type: 'boolean', default: false },
      watched: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      backlog: { type: 'string' },
      age: { type: 'string' },
      workers: { type: 'string', default: '1' },
      window: { type: 'string' },
      quick: { type: 'boolean', default: false },
      smoke: { type: 'boolean', default: false },
      dir: { type: 'string', default: tmpdir() },
      'cpu-prof': { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return null
  const short = values.quick || values.smoke
  const windowMs = 1_000 * number('window', values.window ?? (values.smoke ? '0.15' : short ? '1' : '3'))
  return {
    cells: cellsOf(values.only),
    engine: engineOf(values.engine),
    rounds: Math.max(1, number('rounds', values.rounds ?? (short ? '1' : '3'))),
    peers: values.peers,
    tls: values.tls,
    watched: values.watched,
    backlog: number('backlog', values.backlog ?? (values.smoke ? '500' : short ? '20000' : '100000')),
    ageMs: 1_000 * number('age', values.age ?? (values.smoke ? '0.1' : '20')),
    fillMs: values.smoke ? 2_000 : 6_000,
    windowMs,
    warmUpMs: values.smoke ? 50 : Math.min(2_000, windowMs),
    scale: values.smoke ? 0.002 : windowMs / 3_000,
    workers: Math.max(1, number('workers', values.workers)),
    json: values.json,
    profileDir: values['cpu-prof'] ?? null,
    dir: values.dir,
  }
}

function engineOf(name: string): BenchOptions['engine'] {
  if (name === 'embedded' || name === 'cluster') return name
  throw new Error(`--engine: "${name}" is neither embedded nor cluster`)
}

function cellsOf(only: string | undefined): readonly CellName[] {
  if (only === undefined) return CELL_NAMES
  return only.split(',').map((name) => {
    const found = CELL_NAMES.find((cell) => cell === name.trim())
    if (found === undefined) throw new Error(`--only: "${name}" is none of ${CELL_NAMES.join(', ')}`)
    return found
  })
}

function number(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name}: "${text}" is not a number`)
  return value
}
