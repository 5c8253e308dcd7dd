/**
 * Whole values under a name: the documents of results, and later payloads that are too large for a row.
 *
 * The file store beside this file is the one for a single machine; an S3 store comes beside it. Engines know only this port.
 *
 * Invariant: a reader sees a value whole or not at all, however the writer ended.
 */

export interface ObjectStore {
  /** 'file' | 's3': for people; no code may depend on it. */
  readonly kind: string

  /**
   * Stores `body` under `key`, replacing what was there; resolves once it is durable. Two puts of one key at once: one of them stays, whole.
   * Rejects with STORE_FAILED when it could not be written; the old value is then still there. A key that is not allowed
   * (see `assertObjectKey`) throws: that is a bug of the caller.
   */
  put(key: string, body: string | Uint8Array): Promise<void>

  /** The bytes, or null when there is no such key. */
  get(key: string): Promise<Buffer | null>

  /** Whether there was something to delete. */
  delete(key: string): Promise<boolean>

  /** Keys that begin with `prefix`, in no particular order; what is put or deleted meanwhile may or may not be seen. */
  list(prefix?: string): AsyncIterable<string>

  /** Waits for puts that run. Later calls reject with CLOSED. Repeatable. */
  close(): Promise<void>
}

/** What every file system and S3 take as a name, and no path: `documentName` in task/ids.ts makes such keys from any id. */
const KEY = /^[A-Za-z0-9_~%-][A-Za-z0-9_.~%-]{0,219}$/

export function assertObjectKey(key: string): void {
  if (!KEY.test(key)) throw new TypeError(`not an object key: ${JSON.stringify(key.slice(0, 300))}`)
}
