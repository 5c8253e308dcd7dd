/**
 * Submits the tasks of tasks.ts and shows what comes back. In one terminal `npx chasqui up examples/tasks.ts`, in another
 * `npx node examples/client.ts`.
 */

import { ChasquiError, connect } from 'chasqui'
import { flaky, report, total } from './tasks.ts'

await using client = await connect(process.argv[2] ?? 'chasqui://localhost:5000')

// The types follow from the definition: `items` is checked here already, and `cents` is a number.
const order = await client.submit(total, {
  items: [
    { name: 'tea', cents: 350, count: 2 },
    { name: 'bread', cents: 420 },
  ],
})
const { cents } = await order.result({ timeoutMs: 10_000 })
console.log(`total: ${cents} cents`)

const pages = await client.submit(report, { pages: 5 }, { priority: 9 })
for await (const { state, progress } of pages.events()) {
  if (progress) console.log(`report: ${progress.done} of ${progress.total} ${progress.note}`)
  else console.log(`report: ${state}`)
}

const { attempts } = await (await client.submit(flaky, {})).result()
console.log(`flaky: succeeded in attempt ${attempts}`)

try {
  await (await client.submit(flaky, { hopeless: true })).result()
} catch (error) {
  if (error instanceof ChasquiError) console.log(`hopeless: ${error.code}: ${error.message}`)
}

const long = await client.submit(report, { pages: 1_000 })
console.log(`long: ${(await long.cancel())?.state}`)
