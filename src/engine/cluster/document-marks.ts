/**
 * Which documents of results are not written yet, among all members that write them: a member takes marks for a while, and others leave them
 * alone meanwhile. One that dies leaves its marks to the others.
 */

import { DOCUMENT_TAKEN_MS } from '../../task/limits.ts'
import type { DocumentSource } from '../documents.ts'
import type { Core } from './core.ts'
import { numbers } from './ledger/columns.ts'
import { readRecordsOf } from './looking.ts'

const TAKE = {
  name: 'documents-take',
  text: `update document set taken_at = $1 where seq in (
      select seq from document where taken_at is null or taken_at < $2 order by seq limit $3 for update skip locked
    ) returning seq`,
}
/** A task that was retried by hand and ended anew meanwhile keeps its mark: `$2` is when it finished as it was written, 0 if it was gone. */
const WRITTEN = {
  name: 'documents-written',
  text: `delete from document d using unnest($1::bigint[], $2::bigint[]) x(s, f)
    where d.seq = x.s and not exists (select 1 from task t where t.seq = x.s and t.finished_at is distinct from x.f)`,
}

export function documentMarks(core: Core): DocumentSource<number> {
  const { look } = core.ledger
  return {
    async pending(limit) {
      const nowMs = core.nowMs()
      const rows = await look.repeat<[number]>(TAKE, [nowMs, nowMs - DOCUMENT_TAKEN_MS, limit])
      return rows.map(([seq]) => seq).sort((a, b) => a - b)
    },
    async record(seq) {
      return (await readRecordsOf(core, [seq])).get(seq) ?? null
    },
    async written(documents) {
      await look.repeat(WRITTEN, [
        numbers(documents.map(({ mark }) => mark)),
        numbers(documents.map(({ record }) => record?.finishedAtMs ?? 0)),
      ])
    },
    failed: (error) => core.onTrouble('document-failed', error),
  }
}
