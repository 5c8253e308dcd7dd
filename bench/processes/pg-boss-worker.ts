/** A pg-boss worker process: several pollers with large batches, the best of what was tried for tasks that do nothing. */

import { PgBoss } from 'pg-boss'
import { answer } from './answer.ts'
import { PG_BOSS_QUEUE } from './pg-boss-client.ts'

const BATCH_SIZE = 500
const POLLING_SECONDS = 0.5

const boss = new PgBoss({ connectionString: process.argv[2]! })
boss.on('error', () => undefined)
await boss.start()
await boss.createQueue(PG_BOSS_QUEUE)
let settled = 0
await boss.work(
  PG_BOSS_QUEUE,
  { batchSize: BATCH_SIZE, pollingIntervalSeconds: POLLING_SECONDS },
  async (jobs) => {
    settled += jobs.length
  },
)

answer({ settled: () => settled }, () => boss.stop({ graceful: false }))
