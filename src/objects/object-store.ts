/**
 * Whole values under a name: the documents of results, and values that are too large for a row.
 *
 * The file store beside this file is the one for a single machine, the S3 store the one for a cluster. Engines know only this port.
 *
 * Invariant: a reader sees a value whole or not at all, however the writer ended.
 */

import { ChasquiError } from '../task/errors.ts'

export interface ObjectStore {
  /** 'file' | 's3': for people; no code may depend on it. */
  readonly kind: string

  /**
   * Stores `body` under `key`, replacing what was there; resolves once it is durable. Two puts of one key at once: one of them stays, whole.
   * Rejects with STORE_FAILED when it could not be written; the old value is then still there, or, where the answer of a server was lost,
   * the new one. A key that is not allowed (see `assertObjectKey`) throws: that is a bug of the caller.
   */
  put(key: string, body: string | Uint8Array): Promise<void>

  /**
   * The bytes, or null when there is no such key. Rejects with STORE_FAILED when it could not be read, and before it is read when it has more
   * than `bytesMax`; `details.bytes` then says how many.
   */
  get(key: string, bytesMax?: number): Promise<Buffer | null>

  /** Whether there was something to delete. */
  delete(key: string): Promise<boolean>

  /** What begins with `prefix`, in no particular order; what is put or deleted meanwhile may or may not be seen. */
  list(prefix?: string): AsyncIterable<ListedObject>

  /** Waits for puts that run, and ends those that a server does not answer with CLOSED. Later calls reject with CLOSED. Repeatable. */
  close(): Promise<void>
}

export interface ListedObject {
  readonly key: string
  /** When it was put, by the clock of the store; S3 knows it to the second. */
  readonly modifiedAtMs: number
}

/** What every file system and S3 take as a name, and no path: `documentName` in task/ids.ts makes such keys from any id. */
const KEY = /^[A-Za-z0-9_~%-][A-Za-z0-9_.~%-]{0,219}$/

export function isObjectKey(key: string): boolean {
  return KEY.test(key)
}

export function assertObjectKey(key: string): void {
  if (!isObjectKey(key)) throw new TypeError(`not an object key: ${JSON.stringify(key.slice(0, 300))}`)
}

/** What `get` says of an object that has more bytes than its reader allows. */
export function tooLong(key: string, bytes: number, bytesMax: number): ChasquiError {
  return new ChasquiError(
    'STORE_FAILED',
    `the object ${key} cannot be read: it has ${bytes} bytes, more than ${bytesMax}`,
    { details: { bytes } },
  )
}
