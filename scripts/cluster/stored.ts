/** What is left of the tests where it is kept: the rows in PostgreSQL and the documents in S3, read without asking Chasqui. */

import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { openObjects } from '../../src/app/objects.ts'
import type { DemoTask } from '../../src/cli/demo/sample-tasks.ts'
import { parseDatabaseUrl } from '../../src/engine/cluster/ledger/database-url.ts'
import { documentName } from '../../src/task/ids.ts'
import type { Servers } from './servers.ts'

const SQL = 'select id, type, data, state, result, pid from chasqui.tasks where id = any($1)'
/** Documents are written soon after the end of a task, not before it is told. */
const DOCUMENTS_MS = 30_000
const LOOK_MS = 50

interface Row {
  readonly id: string
  readonly type: string
  readonly data: string
  readonly state: string
  readonly result: string | null
  readonly pid: number | null
}

/** Answers whether every result is right in both places. */
export async function showStored(
  { databaseUrl, objects }: Servers,
  sent: readonly DemoTask[],
  print: (line: string) => void,
): Promise<boolean> {
  const rows = new Map((await readRows(databaseUrl, sent)).map((row) => [row.id, row]))
  print(`\nIn PostgreSQL: ${SQL.replace('$1', '…')}`)
  for (const { id } of sent) {
    const row = rows.get(id)
    print(`  ${id}  ${row === undefined ? 'no row' : rowText(row)}`)
  }
  const documents = await readDocuments(objects, sent)
  print(`\nIn ${objects}`)
  for (const { id } of sent) print(`  ${documentName(id)}  ${documents.get(id) ?? 'no document'}`)
  const right = ({ id, expected }: DemoTask) =>
    rows.get(id)?.result === String(expected) && documents.get(id) === `succeeded ${expected}`
  const wrong = sent.filter((task) => !right(task)).length
  print(
    wrong === 0
      ? `\nAll ${sent.length} results are right, in PostgreSQL and among the objects.`
      : `\n${wrong} of ${sent.length} results are wrong or missing.`,
  )
  return wrong === 0
}

function rowText({ type, data, state, result, pid }: Row): string {
  return `${`${type} ${data}`.padEnd(28)} ${state} ${result ?? ''}  (worker ${pid ?? '?'})`
}

async function readRows(databaseUrl: string, sent: readonly DemoTask[]): Promise<readonly Row[]> {
  const errors: unknown[] = []
  for (const target of parseDatabaseUrl(databaseUrl)) {
    const client = new Client(target)
    try {
      await client.connect()
      return (await client.query<Row>(SQL, [sent.map(({ id }) => id)])).rows
    } catch (error) {
      errors.push(error)
    } finally {
      await client.end().catch(() => undefined)
    }
  }
  throw errors[0]
}

/** By id: the state and the result that the document tells. */
async function readDocuments(objects: string, sent: readonly DemoTask[]): Promise<Map<string, string>> {
  const store = await openObjects(objects)
  try {
    const found = new Map<string, string>()
    const untilMs = Date.now() + DOCUMENTS_MS
    while (found.size < sent.length && Date.now() < untilMs) {
      for (const { id } of sent.filter((task) => !found.has(task.id))) {
        const body = await store.get(documentName(id))
        if (body === null) continue
        const { state, result } = JSON.parse(body.toString()) as { state: string; result: unknown }
        found.set(id, `${state} ${JSON.stringify(result)}`)
      }
      if (found.size < sent.length) await delay(LOOK_MS)
    }
    return found
  } finally {
    await store.close()
  }
}
