/** The client's side of middleware.ts: `npx node examples/middleware-client.ts`. */

import { connect } from 'chasqui'
import { greet, use } from './middleware.ts'

await using client = await connect(process.argv[2] ?? 'chasqui://localhost:5000', { use })

const task = await client.submit(greet, { name: '  Ana ' })
console.log(await task.result({ timeoutMs: 10_000 }))
for (const { text } of await client.log(task.id)) console.log(text)
