/** Tasks of an archive → rows of the ledger, a transaction a batch; large values go to the object store first. */

import type { ArchivedTask, Writing } from '../archive.ts'
import { isSameContent } from '../content.ts'
import { LOG_LEVEL_NAMES } from '../log-lines.ts'
import type { Query } from './archive-read.ts'
import {
  ADD_LANE,
  ADD_WORKERS,
  ARRIVE,
  ARRIVE_DEDUPE,
  ARRIVE_DOCUMENTS,
  ARRIVE_LOG,
  type Arriving,
  arriveParameters,
  KNOWN_IDS,
  READ_WORKERS,
} from './ledger/archive-statements.ts'
import { numbers, texts } from './ledger/columns.ts'
import type { Row } from './ledger/session.ts'
import type { Values } from './values.ts'

export interface Arrival {
  readonly query: Query
  readonly values: Values
  /** Numbers of lanes that were seen, by queue, type and priority. */
  readonly lanes: Map<string, number>
  /** In whose name hints are left and tasks are counted. */
  readonly member: number
  readonly slot: number
  /** That queued tasks begin with: no lease of the source is as high. */
  readonly epoch: number
}

export async function writeArchived(arrival: Arrival, batch: readonly ArchivedTask[]): Promise<Writing[]> {
  const { query, values } = arrival
  const known = new Map(
    (await query(KNOWN_IDS, [texts(batch.map(({ id }) => id))])).map((row) => [row[0], row]),
  )
  const fresh = new Map<string, ArchivedTask>()
  const again = new Set<ArchivedTask>()
  for (const task of batch) {
    if (known.has(task.id)) continue
    if (fresh.has(task.id)) again.add(task)
    else fresh.set(task.id, task)
  }
  const tasks = [...fresh.values()]
  if (tasks.length > 0) await arrive(arrival, tasks)
  const writings: Writing[] = []
  // One after the other: large values that are compared are in memory.
  for (const task of batch) {
    const row = known.get(task.id)
    if (again.has(task)) writings.push('other')
    else if (row === undefined) writings.push('written')
    else writings.push((await isThere(values, row, task)) ? 'present' : 'other')
  }
  return writings
}

async function arrive(arrival: Arrival, tasks: readonly ArchivedTask[]): Promise<void> {
  const { query, values } = arrival
  const workers = await workersOf(query, tasks)
  const batch: Arriving[] = []
  // One after the other: what waits to be put is in memory.
  for (const task of tasks) {
    const { final, errors } = task
    const data = await values.store('data', task.id, task.dataText)
    const result =
      final?.resultText == null ? NOTHING : await values.store('result', task.id, final.resultText)
    const error = final === null ? errors.at(-1)?.error : final.error
    const worker = final?.worker?.id
    batch.push({
      task,
      lane: await laneOf(arrival, task),
      workerNo: worker === undefined ? null : workers.get(worker)!,
      epoch: final !== null && final.epoch > 0 ? final.epoch : arrival.epoch,
      errorText: error == null ? '' : JSON.stringify(error),
      dataText: data.text,
      dataRef: data.ref,
      resultText: result.text,
      resultRef: result.ref,
    })
  }
  await query('begin')
  try {
    const rows = await query(ARRIVE, arriveParameters(batch, arrival.slot, arrival.member))
    await addRest(query, tasks, rows)
    await query('commit')
  } catch (error) {
    await query('rollback').catch(() => undefined)
    await values.remove(
      batch.flatMap(({ dataRef, resultRef }) => [dataRef, resultRef]).filter((ref) => ref !== ''),
    )
    throw error
  }
}

const NOTHING = { text: '', ref: '' }

/** What few tasks have. */
async function addRest(query: Query, tasks: readonly ArchivedTask[], rows: readonly Row[]): Promise<void> {
  const seqs = new Map(rows.map(([seq, id]) => [id, seq as number]))
  const documents: number[] = []
  for (const { id, queue, log, options, dedupeUntilMs, documentPending } of tasks) {
    const seq = seqs.get(id)!
    if (documentPending) documents.push(seq)
    if (options?.dedupeKey !== undefined && dedupeUntilMs !== null) {
      await query(ARRIVE_DEDUPE, [queue, options.dedupeKey, id, dedupeUntilMs])
    }
    if (log.length === 0) continue
    await query(ARRIVE_LOG, [
      seq,
      numbers(log.map(({ number }) => number)),
      numbers(log.map(({ atMs }) => atMs)),
      numbers(log.map(({ attempt }) => attempt)),
      numbers(log.map(({ level }) => LOG_LEVEL_NAMES.indexOf(level))),
      texts(log.map(({ text }) => storable(text))),
    ])
  }
  if (documents.length > 0) await query(ARRIVE_DOCUMENTS, [numbers(documents)])
}

/** PostgreSQL holds no NUL, and a list of texts not the character that it is split at. */
function storable(text: string): string {
  return text.replaceAll(/[\0\x1e]/g, '\ufffd')
}

async function workersOf(query: Query, tasks: readonly ArchivedTask[]): Promise<Map<string, number>> {
  const workers = new Map(
    tasks.flatMap(({ final }) => (final?.worker == null ? [] : [[final.worker.id, final.worker] as const])),
  )
  if (workers.size === 0) return new Map()
  const ids = texts([...workers.keys()])
  const all = [...workers.values()]
  await query(ADD_WORKERS, [ids, numbers(all.map(({ pid }) => pid)), texts(all.map(({ host }) => host))])
  return new Map((await query(READ_WORKERS, [ids])) as unknown as [string, number][])
}

async function laneOf(
  { query, lanes }: Arrival,
  { queue, type, priority }: Pick<ArchivedTask, 'queue' | 'type' | 'priority'>,
): Promise<number> {
  const name = JSON.stringify([queue, type, priority])
  let lane = lanes.get(name)
  if (lane === undefined) {
    const [row] = await query(ADD_LANE, [queue, type, priority])
    lane = row![0] as number
    lanes.set(name, lane)
  }
  return lane
}

async function isThere(values: Values, row: Row, task: ArchivedTask): Promise<boolean> {
  const [, createdAtMs, type, queue, priority, options, payload, payloadRef] = row as [
    string,
    number,
    string,
    string,
    number,
    string | null,
    string,
    string | null,
  ]
  return (
    createdAtMs === task.createdAtMs &&
    isSameContent(task, {
      type,
      queue,
      priority,
      dataText: (await values.load(payload, payloadRef))!,
      options: options === null ? null : JSON.parse(options),
    })
  )
}
