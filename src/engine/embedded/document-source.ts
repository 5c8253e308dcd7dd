/** The marks of unwritten documents in the embedded store, as the writer of documents (src/engine/documents.ts) wants them. */

import { writeRecord } from '../../wire/record-codec.ts'
import type { DocumentSource, WrittenDocument } from '../documents.ts'
import type { Heart } from './heart.ts'
import { readRecord } from './looking.ts'

export interface DocumentAsks {
  /** Runs in the next transaction. */
  transact(weight: number, call: () => void): Promise<void>
  failed(error: unknown): void
}

export function documentSource(heart: Heart, { transact, failed }: DocumentAsks): DocumentSource<number> {
  const { upkeep } = heart.store
  const isAsWritten = ({ mark, record }: WrittenDocument<number>) => {
    const now = readRecord(heart, mark)
    return now === null || record === null || writeRecord(now) === writeRecord(record)
  }
  return {
    pending: (limit) => upkeep.readDocuments(limit),
    record: (mark) => readRecord(heart, mark),
    written: (documents) =>
      transact(documents.length, () => {
        upkeep.deleteDocuments(documents.filter(isAsWritten).map(({ mark }) => mark))
      }),
    failed,
  }
}
