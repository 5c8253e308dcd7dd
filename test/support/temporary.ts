/** What a test leaves behind and how it is taken away: in the reverse order of its making. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Undo = () => unknown

/** Whatever has an end: the context of a test, `{ after }` of node:test for a whole file, or one's own. */
export interface Scope {
  after(undo: () => Promise<void>): void
}

const undos = new WeakMap<Scope, Undo[]>()

/** Like `context.after`, but last made, first undone; one that fails does not keep the others from running. */
export function atEnd(context: Scope, undo: Undo): void {
  const known = undos.get(context)
  if (known !== undefined) {
    known.push(undo)
    return
  }
  const stack = [undo]
  undos.set(context, stack)
  context.after(async () => {
    const errors: unknown[] = []
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      try {
        await next()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'could not clean up')
  })
}

/** A folder of the test's own. */
export function temporaryFolder(context: Scope, name: string): string {
  const path = mkdtempSync(join(tmpdir(), `chasqui-${name}-`))
  atEnd(context, () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
  return path
}
