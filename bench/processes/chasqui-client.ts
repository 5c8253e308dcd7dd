/** Our client library as its documentation has it. */

import { library } from '../built.ts'
import type { Locks } from './dial.ts'
import { noop, stamp } from './handlers.ts'
import type { TaskClient } from './task-client.ts'

export async function openClient(address: string, locks: Locks): Promise<TaskClient> {
  const { connect } = await library()
  const client = await connect(address, locks)
  return {
    submit: (data) => client.submit(noop, data),
    submitMany: (data, runAtMs) =>
      client.submitMany(noop, data, runAtMs === undefined ? {} : { runAt: new Date(runAtMs) }),
    async roundTrip(data) {
      const task = await client.submit(stamp, data)
      return task.result()
    },
    close: () => client.close(),
  }
}
