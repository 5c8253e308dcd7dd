/** pg-boss as its documentation has it: `send`, and `insert` for many. */

import { PgBoss } from 'pg-boss'
import type { TaskClient } from './task-client.ts'

export const PG_BOSS_QUEUE = 'bench'

export async function openClient(address: string): Promise<TaskClient> {
  const boss = new PgBoss({ connectionString: address })
  boss.on('error', () => undefined)
  await boss.start()
  await boss.createQueue(PG_BOSS_QUEUE)
  return {
    submit: (data) => boss.send(PG_BOSS_QUEUE, data),
    submitMany: (data) =>
      boss.insert(
        PG_BOSS_QUEUE,
        data.map((one) => ({ data: one })),
      ),
    roundTrip: () => Promise.reject(new Error('pg-boss gives no result back')),
    close: () => boss.stop({ graceful: false }),
  }
}
