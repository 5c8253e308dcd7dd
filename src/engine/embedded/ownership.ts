/**
 * One process owns a store. The lock is an exclusive lock on a small SQLite file beside it: the operating system drops it when its
 * holder dies, however it dies, so there is nothing stale to clean up. A text file says whose it is, for people.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ChasquiError } from '../../task/errors.ts'

const SQLITE_BUSY = 5

export interface Ownership {
  release(): void
}

/** The folder of a store, where it is missing. Throws CONFIG_INVALID. */
export function makeFolder(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true })
  } catch (error) {
    const message = `cannot make the folder ${directory}: ${(error as Error).message}`
    throw new ChasquiError('CONFIG_INVALID', message, { cause: error })
  }
}

export function takeOwnership(directory: string): Ownership {
  const lock = new DatabaseSync(join(directory, 'owner.lock'), { timeout: 0 })
  const ownerPath = join(directory, 'owner.json')
  try {
    lock.exec('pragma journal_mode = memory; pragma locking_mode = exclusive; begin exclusive')
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    throw new ChasquiError(
      'STORE_LOCKED',
      `the store in ${directory} is in use by ${describeOwner(ownerPath)}: stop it first, or use another folder`,
      { cause: error },
    )
  }
  const owner = { pid: process.pid, host: hostname(), since: new Date().toISOString() }
  writeFileSync(ownerPath, `${JSON.stringify(owner)}\n`)
  return { release: () => lock.close() }
}

function describeOwner(path: string): string {
  try {
    const owner = JSON.parse(readFileSync(path, 'utf8')) as { pid: number; host: string; since: string }
    return `process ${owner.pid} on ${owner.host} since ${owner.since}`
  } catch {
    return 'another process'
  }
}
