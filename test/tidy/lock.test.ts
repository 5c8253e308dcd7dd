import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly resolved?: string
}

const LOCK = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

// npm leaves them out when the registry it asked does not carry them, and `npm ci` then refuses to install anything, everywhere.
test('the lock file knows the binaries of every platform', () => {
  const missing = Object.values(LOCK.packages)
    .flatMap((locked) => Object.keys(locked.optionalDependencies ?? {}))
    .filter((name) => LOCK.packages[`node_modules/${name}`] === undefined)
  assert.deepEqual(missing, [])
})

test('the lock file names no registry', () => {
  const resolved = Object.values(LOCK.packages).filter((locked) => locked.resolved !== undefined)
  assert.deepEqual(resolved, [])
})
