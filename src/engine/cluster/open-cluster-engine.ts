/** Opens a cluster engine: connects to both servers, sets the clock, joins the others. */

import { hostname } from 'node:os'
import { type Clock, systemClock } from '../../task/clock.ts'
import { ClusterEngine } from './cluster-engine.ts'
import { Ledger } from './ledger/ledger.ts'
import { NOW } from './ledger/member-statements.ts'
import type { ClusterOptions } from './options.ts'

export type { ClusterOptions } from './options.ts'

/** Connects to both servers and joins the cluster. Rejects with CONFIG_INVALID, STORE_VERSION or CONNECTION_LOST, with nothing left open. */
export async function openClusterEngine(options: ClusterOptions): Promise<ClusterEngine> {
  const name = options.name ?? `chasqui ${hostname()} ${process.pid}`
  let engine: ClusterEngine | null = null
  const ledger = await Ledger.open({
    databaseUrl: options.databaseUrl,
    applicationName: name,
    migrate: options.migrate ?? true,
    onSync: options.onSync,
    onUp: (role) => engine?.databaseUp(role),
    onDown: (error) => options.onTrouble?.('database-lost', error),
  })
  try {
    const clock = options.clock ?? (await databaseClock(ledger))
    engine = new ClusterEngine(options, ledger, clock, name)
    await engine.start(options, name)
    return engine
  } catch (error) {
    if (engine === null) await ledger.close()
    else await engine.close()
    throw error
  }
}

/** This machine's clock, set by the database's: the members' times mean the same. */
async function databaseClock(ledger: Ledger): Promise<Clock> {
  const beforeMs = Date.now()
  const [row] = await ledger.look.repeat(NOW, [])
  const offsetMs = Math.round((row![0] as number) - (beforeMs + Date.now()) / 2)
  return {
    nowMs: () => systemClock.nowMs() + offsetMs,
    at: (atMs, call) => systemClock.at(atMs - offsetMs, call),
  }
}
