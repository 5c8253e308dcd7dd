/**
 * The object store in a folder: one file an object, under its key.
 *
 * A value is written to a temporary file, synced, and renamed over its name; then the folder is synced, so that the name survives a
 * power cut as well. Several processes may share the folder.
 */

import { randomUUID } from 'node:crypto'
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ChasquiError } from '../task/errors.ts'
import { OBJECT_LEFTOVER_AGE_MS } from '../task/limits.ts'
import { assertObjectKey, isObjectKey, type ListedObject, type ObjectStore, tooLong } from './object-store.ts'

const TEMPORARY = '.writing-'

export interface FileStoreOptions {
  readonly dir: string
}

/** Makes the folder where it is missing, and removes what crashed writers left behind long ago. */
export async function openFileStore({ dir }: FileStoreOptions): Promise<ObjectStore> {
  await translated(`the object folder ${dir} cannot be opened`, async () => {
    await mkdir(dir, { recursive: true })
    await removeLeftovers(dir)
  })
  return new FileStore(dir)
}

class FileStore implements ObjectStore {
  readonly kind = 'file'
  readonly #dir: string
  readonly #running = new Set<Promise<unknown>>()
  #closed = false

  constructor(dir: string) {
    this.#dir = dir
  }

  put(key: string, body: string | Uint8Array): Promise<void> {
    assertObjectKey(key)
    return this.#tracked(`the object ${key} cannot be written`, () => this.#write(key, body))
  }

  get(key: string, bytesMax = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
    assertObjectKey(key)
    return this.#tracked(`the object ${key} cannot be read`, async () => {
      try {
        return await readAtMost(this.#dir, key, bytesMax)
      } catch (error) {
        if (isMissing(error)) return null
        throw error
      }
    })
  }

  delete(key: string): Promise<boolean> {
    assertObjectKey(key)
    return this.#tracked(`the object ${key} cannot be deleted`, async () => {
      try {
        await rm(join(this.#dir, key))
        return true
      } catch (error) {
        if (isMissing(error)) return false
        throw error
      }
    })
  }

  async *list(prefix = ''): AsyncIterable<ListedObject> {
    if (this.#closed) throw closedError()
    const dir = this.#dir
    const listing = async function* () {
      for await (const entry of await opendir(dir)) {
        const key = entry.name
        if (!entry.isFile() || !isObjectKey(key) || !key.startsWith(prefix)) continue
        const modifiedAtMs = await modifiedAt(join(dir, key))
        if (modifiedAtMs !== null) yield { key, modifiedAtMs }
      }
    }
    try {
      yield* listing()
    } catch (cause) {
      throw failure('the objects cannot be listed', cause)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#running)
  }

  async #write(key: string, body: string | Uint8Array): Promise<void> {
    const temporary = join(this.#dir, `${TEMPORARY}${randomUUID()}`)
    try {
      const file = await open(temporary, 'wx')
      try {
        await file.writeFile(body)
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(temporary, join(this.#dir, key))
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    await syncFolder(this.#dir)
  }

  async #tracked<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError()
    const running = translated(what, work)
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }
}

async function removeLeftovers(dir: string): Promise<void> {
  for await (const entry of await opendir(dir)) {
    if (!entry.name.startsWith(TEMPORARY)) continue
    const path = join(dir, entry.name)
    // Its writer may live in another process: only what nobody can be writing any more is removed.
    const age = await stat(path).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    )
    if (age > OBJECT_LEFTOVER_AGE_MS) await rm(path, { force: true })
  }
}

async function readAtMost(dir: string, key: string, bytesMax: number): Promise<Buffer> {
  const file = await open(join(dir, key), 'r')
  try {
    const { size } = await file.stat()
    if (size > bytesMax) throw tooLong(key, size, bytesMax)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/** null: deleted meanwhile. */
async function modifiedAt(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Foreign errors end here; the cause is kept. */
async function translated<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw failure(what, cause)
  }
}

function failure(what: string, cause: unknown): ChasquiError {
  if (cause instanceof ChasquiError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new ChasquiError('STORE_FAILED', `${what}: ${message}`, { cause })
}

function closedError(): ChasquiError {
  return new ChasquiError('CLOSED', 'the object store is closed')
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
