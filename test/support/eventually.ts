/** Waits for a fact that nobody announces, with a deadline. */

import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

const DEADLINE_MS = 10_000
const LOOK_MS = 2

export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const untilMs = Date.now() + deadlineMs
  while (!(await isSo())) {
    assert.ok(Date.now() < untilMs, `did not happen: ${what}`)
    await setTimeout(LOOK_MS)
  }
}
