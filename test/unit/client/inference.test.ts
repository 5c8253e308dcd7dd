/** Types follow from definitions. The proof is that this file type-checks (`npm run check`), including what must not. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { createClient } from '../../../src/client/client.ts'
import type { TaskHandle } from '../../../src/client/handle.ts'
import { openMemoryEngine } from '../../../src/engine/memory/memory-engine.ts'
import { defineTask } from '../../../src/task/definition.ts'

/** Compiles only when both are the same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(proof: Same<A, B>) => assert.ok(proof)

const sumar = defineTask({
  type: 'sumar',
  input: z.array(z.number()),
  run: (data) => data.reduce((a, b) => a + b, 0),
})
const report = defineTask({
  type: 'report',
  input: z.object({ day: z.string(), copies: z.number().default(1), by: z.coerce.date().optional() }),
  run: async (data) => ({ day: data.day, copies: data.copies, at: new Date(), pages: [1, 2] }),
})
const plain = defineTask({ type: 'plain', run: (data: { a: number }) => data.a > 1 })
const nothing = defineTask({ type: 'nothing', run: () => {} })

test('what is passed and what is awaited have the types of the definition', async () => {
  const engine = openMemoryEngine()
  const client = createClient(engine)
  const sum = await client.submit(sumar, [5, 7])
  same<typeof sum, TaskHandle<number>>(true)

  const printed = await client.submit(report, { day: 'monday' }, { delayMs: 5 })
  same<
    ReturnType<typeof printed.result>,
    Promise<{ day: string; copies: number; at: string; pages: number[] }>
  >(true)

  const checked = await client.submit(plain, { a: 1 })
  same<typeof checked, TaskHandle<boolean>>(true)

  const done = await client.submit(nothing)
  same<typeof done, TaskHandle<null>>(true)

  const many = await client.submitMany(sumar, [[1], [2]], (numbers) => ({ priority: numbers.length }))
  same<typeof many, TaskHandle<number>[]>(true)

  const loose = await client.submit('whatever', { any: 'thing' })
  same<typeof loose, TaskHandle<unknown>>(true)
  const told = await client.submit<{ n: number }>('whatever')
  same<typeof told, TaskHandle<{ n: number }>>(true)
  same<ReturnType<typeof client.task<string>>, TaskHandle<string>>(true)

  const wrong = () => {
    // @ts-expect-error a string is no number
    void client.submit(sumar, [5, 'seven'])
    // @ts-expect-error the data is missing
    void client.submit(sumar)
    // @ts-expect-error there is no such field
    void client.submit(report, { day: 'monday', color: 'red' })
    // @ts-expect-error there is no such option
    void client.submit(sumar, [1], { prio: 3 })
    // @ts-expect-error not a list of lists
    void client.submitMany(sumar, [1, 2])
    // @ts-expect-error memory is no durability to ask for
    void client.submit(sumar, [1], { durability: 'memory' })
  }
  assert.equal(typeof wrong, 'function')
  await client.close()
  await engine.close()
})
