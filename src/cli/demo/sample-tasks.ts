/** The tasks that the demo sends, and what must come back: computed here, apart from the handlers that are being shown. */

import { randomInt, randomUUID } from 'node:crypto'
import type { RawTask } from './raw-client.ts'

const TASKS_PER_CLIENT = 2

export interface DemoTask extends RawTask {
  readonly type: 'sumar' | 'multiplicar'
  readonly data: readonly number[]
  readonly expected: number
}

/** Ids are new each time, so the demo can be played again on the same store. */
export function tasksOfClient(): DemoTask[] {
  return Array.from({ length: TASKS_PER_CLIENT }, (_, index) => {
    const data = Array.from({ length: randomInt(2, 5) }, () => randomInt(1, 20))
    const isSum = index % 2 === 0
    let expected = isSum ? 0 : 1
    for (const number of data) expected = isSum ? expected + number : expected * number
    return { id: randomUUID(), type: isSum ? 'sumar' : 'multiplicar', data, expected }
  })
}
