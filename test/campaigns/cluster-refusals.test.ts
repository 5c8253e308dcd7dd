/** A PostgreSQL that is there and refuses: as a primary that became read-only does, and one where rights were taken away. No storm, and no end. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LATE_START_MS, openClusterSystem } from '../faults/cluster-system.ts'
import type { PostgreSql } from '../support/postgresql.ts'
import { needPostgreSql, needRabbitMq } from '../support/real-parts.ts'

const skip = [needPostgreSql(), needRabbitMq()].find((need) => need.skip !== false)?.skip ?? false
const REFUSING_MS = 5_000

function lines({ folder }: PostgreSql, pattern: RegExp): number {
  return readFileSync(join(folder, 'postgres.out'), 'utf8').match(pattern)?.length ?? 0
}

describe('PostgreSQL that refuses', () => {
  test('is asked with growing pauses, and work goes on when it takes statements again', {
    skip,
  }, async (context) => {
    const { system, postgresql } = await openClusterSystem(context, {
      postgresql: { configuration: ['log_connections = on'] },
    })
    await system.startDirectWorker(['--concurrency', '4'])
    system.startClient({ name: 'a', lanes: 4, pauseMs: 40, watches: true })
    const goesOn = async (what: string) => {
      const { confirmations, runs } = system.look()
      const [confirmed, ran] = [confirmations.length + 20, runs.length + 40]
      await system.until(`tasks are confirmed and run ${what}`, (seen) => {
        return seen.confirmations.length >= confirmed && seen.runs.length >= ran
      })
    }
    await goesOn('at first')

    const faults = [
      {
        name: 'rights taken away',
        begin: 'revoke update on chasqui.task from chasqui',
        end: 'grant update on chasqui.task to chasqui',
        tries: /ERROR: +permission denied for table task/g,
        // Of a distributor and a worker, and of what they are asked to settle. Without pauses: beyond 600 on a slow machine.
        triesMax: 400,
      },
      {
        name: 'read-only',
        begin: 'alter system set default_transaction_read_only = on',
        end: 'alter system reset default_transaction_read_only',
        tries: /connection authorized: user=chasqui/g,
        // Sixteen connections with pauses that double: some 50. Without pauses: beyond 240.
        triesMax: 150,
      },
    ]
    for (const { name, begin, end, tries, triesMax } of faults) {
      const before = lines(postgresql, tries)
      await postgresql.psql(begin, 'chasqui')
      await postgresql.psql('select pg_reload_conf()')
      await sleep(REFUSING_MS)
      const count = lines(postgresql, tries) - before
      system.counts[name] = count
      assert.ok(count > 0 && count < triesMax, `${name}: ${count} tries in ${REFUSING_MS} ms`)
      await postgresql.psql(end, 'chasqui')
      await postgresql.psql('select pg_reload_conf()')
      await goesOn(`after ${name}`)
    }
    await system.judge({ lateStartMs: LATE_START_MS })
  })
})
