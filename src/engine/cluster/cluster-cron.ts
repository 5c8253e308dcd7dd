/** Schedules of a cluster: kept in the ledger, put by everybody, and run by the member that is the keeper. */

import type { Engine } from '../engine.ts'
import { type OpenCron, openCron } from '../open-cron.ts'
import type { Core } from './core.ts'
import type { Keeper } from './keeper.ts'
import { scheduleStore } from './schedule-store.ts'

export function clusterCron(
  core: Core,
  engine: Pick<Engine, 'submit' | 'get' | 'cancel' | 'wait'>,
  keeper: Pick<Keeper, 'isInOffice'>,
  mustBeOpen: () => void,
): OpenCron {
  return openCron({
    store: scheduleStore(core.ledger.look),
    clock: core.clock,
    engine,
    mustBeOpen,
    mayRun: () => keeper.isInOffice,
    onDue: (atMs) => core.news.sendDue(atMs),
    onTrouble: (error) => core.onTrouble('cron-failed', error),
  })
}
