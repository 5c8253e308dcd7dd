/** From the options of an engine to what its parts share, with the defaults filled in. */

import { ClaimCheck } from '../../objects/claims/claim-check.ts'
import type { Clock } from '../../task/clock.ts'
import { HINT_RECHECK_MS, VALUE_INLINE_LENGTH_MAX } from '../../task/limits.ts'
import { EventHub } from '../event-hub.ts'
import { Waits } from '../waits.ts'
import { Core, settingsOf } from './core.ts'
import type { Ledger } from './ledger/ledger.ts'
import { readRecords } from './looking.ts'
import type { ClusterOptions } from './options.ts'
import { Values } from './values.ts'

export function createCore(options: ClusterOptions, ledger: Ledger, clock: Clock): Core {
  const onTrouble = options.onTrouble ?? (() => undefined)
  const core: Core = new Core({
    clock,
    random: options.random ?? Math.random,
    settings: settingsOf(options),
    ledger,
    hub: new EventHub(),
    waits: new Waits({ clock, read: (ids) => readRecords(core, ids, false), recheckMs: HINT_RECHECK_MS }),
    values: new Values(
      options.objects === undefined ? null : new ClaimCheck(options.objects, clock),
      options.objectsAboveLength ?? VALUE_INLINE_LENGTH_MAX,
      (error) => onTrouble('object-failed', error),
    ),
    onTrouble,
  })
  return core
}
