/** The two tests of the seed, through the balancer: three clients one after the other, then three at once, each a bare TCP socket. */

import { sendTasks } from '../../src/cli/demo/raw-client.ts'
import { type DemoTask, tasksOfClient } from '../../src/cli/demo/sample-tasks.ts'
import { connect } from '../../src/client/connect.ts'

const CLIENTS = [1, 2, 3]
const RESULTS_MS = 60_000

/** Sends all tasks, waits until all have an end, and answers with what was sent. */
export async function playTests(
  door: { readonly host: string; readonly port: number },
  print: (line: string) => void,
): Promise<readonly DemoTask[]> {
  const sent: DemoTask[] = []
  const send = (client: number) =>
    sendTasks(door, tasksOfClient(), (task, { status, message }) => {
      sent.push(task)
      print(
        `  client ${client}  ${`${task.type} ${JSON.stringify(task.data)}`.padEnd(28)} → ${status} ${message}`,
      )
    })
  print('\nTest 1: three clients, one after the other')
  for (const client of CLIENTS) await send(client)
  print('\nTest 2: three clients at once')
  await Promise.all(CLIENTS.map(send))
  await using client = await connect(`chasqui://${door.host}:${door.port}`, { name: 'cluster' })
  await client.wait(
    sent.map(({ id }) => id),
    { timeoutMs: RESULTS_MS },
  )
  return sent
}
