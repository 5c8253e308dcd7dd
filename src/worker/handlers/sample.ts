/**
 * The handlers that ship with Chasqui and are loaded when a worker is given no module: the seed's two, and two to play with.
 * Their schemas are written by hand in the form of Standard Schema; your own can come from zod, valibot or arktype.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { defineTask } from '../../task/definition.ts'
import type { StandardSchemaV1 } from '../../task/standard-schema.ts'

const DORMIR_STEPS_MAX = 10

function schemaOf<Value>(problem: (value: unknown) => string | null): StandardSchemaV1<Value> {
  return {
    '~standard': {
      version: 1,
      vendor: 'chasqui',
      validate: (value) => {
        const message = problem(value)
        return message === null ? { value: value as Value } : { issues: [{ message }] }
      },
    },
  }
}

const listOfNumbers = schemaOf<number[]>((value) => {
  if (!Array.isArray(value)) return 'expected a list of numbers, such as [5, 7]'
  const at = value.findIndex((item) => typeof item !== 'number')
  return at < 0 ? null : `expected a list of numbers; number ${at + 1} is ${JSON.stringify(value[at])}`
})

const duration = schemaOf<{ ms: number }>((value) => {
  const ms = (value as { ms?: unknown } | null)?.ms
  return typeof ms === 'number' && ms >= 0 ? null : 'expected {"ms": a number, 0 or more}'
})

/** The sum of a list: `[5, 7]` → 12. */
export const sumar = defineTask({
  type: 'sumar',
  input: listOfNumbers,
  run: (numbers) => numbers.reduce((sum, number) => sum + number, 0),
})

/** The product of a list: `[5, 7]` → 35. */
export const multiplicar = defineTask({
  type: 'multiplicar',
  input: listOfNumbers,
  run: (numbers) => numbers.reduce((product, number) => product * number, 1),
})

/** Sleeps for `{"ms": 500}`, reports progress, and wakes up when it is told to stop. */
export const dormir = defineTask({
  type: 'dormir',
  input: duration,
  run: async ({ ms }, { signal, progress }) => {
    for (let step = 1; step <= DORMIR_STEPS_MAX; step++) {
      await sleep(ms / DORMIR_STEPS_MAX, undefined, { signal })
      progress(Math.round((step * ms) / DORMIR_STEPS_MAX), ms, 'ms')
    }
    return { ms }
  },
})

/** Gives back what it got. */
export const eco = defineTask({ type: 'eco', run: (data) => data })
