/**
 * A scope for what all tests of a file share. Made at the top of the file: `after` of node:test, called within a hook, would end what was opened
 * there together with the hook.
 */

import { after } from 'node:test'
import type { Scope } from './temporary.ts'

export function fileScope(): Scope {
  const undos: (() => Promise<void>)[] = []
  after(async () => {
    for (const undo of undos) await undo()
  })
  return { after: (undo) => undos.push(undo) }
}
