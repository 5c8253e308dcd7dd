/** How much may wait: beyond a limit new tasks hear RETRY_AFTER, from every distributor, and nothing that was confirmed is dropped. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openClusterEngine } from '../../../src/engine/cluster/open-cluster-engine.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Receipt, Refusal } from '../../../src/task/task.ts'
import { openBed } from '../../support/bed.ts'
import { eventually } from '../../support/eventually.ts'
import { needPostgreSql, needRabbitMq } from '../../support/real-parts.ts'
import { submission } from '../../support/submissions.ts'
import { atEnd } from '../../support/temporary.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false

function tasks(from: number, count: number, queue = 'default') {
  return Array.from({ length: count }, (_, no) => submission(`${queue}-${from + no}`, { queue }))
}

function refused(answers: readonly (Receipt | Refusal)[]): Refusal[] {
  return answers.filter((answer) => 'refused' in answer)
}

test('each queue, and all of them together, take so many unfinished tasks, and more when some are done', {
  skip,
}, async (context) => {
  const bed = await openBed(context)
  const [databaseUrl, amqpUrl] = await Promise.all([bed.database(), bed.amqp()])
  const open = async (): Promise<Engine> => {
    const engine = await openClusterEngine({
      databaseUrl,
      amqpUrls: [amqpUrl],
      queueTasksMax: 10,
      tasksMax: 15,
    })
    atEnd(context, () => engine.close())
    return engine
  }
  const [first, second] = [await open(), await open()]
  const full = await first.submit(tasks(0, 12), 'disk')
  assert.deepEqual(
    refused(full).map(({ id, refused: { code, message, retryAfterMs } }) => [
      id,
      code,
      message,
      retryAfterMs,
    ]),
    ['default-10', 'default-11'].map((id) => [
      id,
      'RETRY_AFTER',
      'queue default holds its limit of 10 unfinished tasks',
      1_000,
    ]),
  )
  const other = refused(await first.submit(tasks(0, 6, 'other'), 'disk'))
  assert.deepEqual(
    other.map(({ id, refused: { message } }) => [id, message]),
    [['other-5', 'the engine holds its limit of 15 unfinished tasks']],
  )
  await eventually('the other process knows', async () => {
    return refused(await second.submit(tasks(12, 1, 'other'), 'disk')).length === 1
  })
  await first.cancel(['default-0', 'default-1', 'default-2'])
  await eventually('there is room for three again, at the other as well', async () => {
    return refused(await second.submit(tasks(20, 3), 'disk')).length === 0
  })
  const { queues } = await first.inspect()
  const unfinished = queues.reduce(
    (sum, { scheduled, queued, running }) => sum + scheduled + queued + running,
    0,
  )
  assert.ok(unfinished <= 16, `${unfinished} unfinished, of 15 and what two let in at the same time`)
  assert.equal((await first.get(full.map(({ id }) => id))).filter((record) => record !== null).length, 10)
})
