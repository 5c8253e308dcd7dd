/** The file of payload encryption keys as `chasqui keys` changes it. What may follow from a change is docs/privacy.md's to explain. */

import { existsSync } from 'node:fs'
import { createKey, formatKeyFile, readKeyFile } from '../sealing/key-file.ts'
import { checkKeyRing, isKeyId, type KeyRing } from '../sealing/key-ring.ts'
import { ChasquiError } from '../task/errors.ts'
import { replaceFile } from './replaced-file.ts'

/** @throws ChasquiError CONFIG_INVALID */
export function readKeys(path: string): KeyRing {
  return readKeyFile(path)
}

/** A new key; it encrypts from now on, unless it is for later. @throws ChasquiError CONFIG_INVALID */
export function addKey(path: string, id: string, { standby }: { readonly standby: boolean }): void {
  if (!isKeyId(id)) throw unusable('the id of a key is up to 64 letters, digits, _ and -')
  change(path, () => {
    const before = existsSync(path) ? readKeyFile(path) : null
    if (before?.keys.has(id)) throw unusable(`there is a key "${id}" already`)
    const keys = new Map([...(before?.keys ?? []), [id, createKey()]])
    return { write: standby && before !== null ? before.write : id, keys }
  })
}

/** @throws ChasquiError CONFIG_INVALID */
export function useKey(path: string, id: string): void {
  change(path, () => ({ write: id, keys: known(path, id).keys }))
}

/** @throws ChasquiError CONFIG_INVALID */
export function removeKey(path: string, id: string): void {
  change(path, () => {
    const { write, keys } = known(path, id)
    if (id === write) throw unusable(`"${id}" is the key that encrypts: let another one do that first`)
    return { write, keys: new Map([...keys].filter(([keyId]) => keyId !== id)) }
  })
}

function known(path: string, id: string): KeyRing {
  const ring = readKeyFile(path)
  if (!ring.keys.has(id)) throw unusable(`there is no key "${id}"`)
  return ring
}

function change(path: string, make: () => KeyRing): void {
  replaceFile(path, 'the keys', () => ({ text: formatKeyFile(checkKeyRing(make())), result: null }))
}

function unusable(why: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', why)
}
