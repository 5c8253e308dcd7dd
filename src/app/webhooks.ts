/** Webhooks of a distributor: from settings to an engine that accepts tasks with them, and to who makes the calls. */

import { WebhookCaller } from '../distributor/webhooks/caller.ts'
import { WebhookEngine } from '../distributor/webhooks/owed-calls.ts'
import { readWebhookSecret } from '../distributor/webhooks/signature.ts'
import type { Engine } from '../engine/engine.ts'
import { systemClock } from '../task/clock.ts'
import type { Log } from '../telemetry/log.ts'
import { parseNetworks } from '../wire/networks.ts'
import { readSecret } from './own-token.ts'
import type { Settings } from './settings.ts'

export interface Webhooks {
  readonly engine: Engine
  /** Begins to make the calls that are owed; null: there are none. */
  start(): Promise<WebhookCaller | null>
}

/** @throws ChasquiError CONFIG_INVALID, one sentence */
export function webhooksFor(settings: Settings, inner: Engine, log: Log): Webhooks {
  const { webhookSecret, webhookAllow, leaseMs } = settings
  const engine = new WebhookEngine(inner, webhookSecret !== undefined)
  if (webhookSecret === undefined) return { engine, start: async () => null }
  const secret = readWebhookSecret(readSecret(webhookSecret, 'the secret of webhooks'))
  const allowed = parseNetworks(webhookAllow)
  return {
    engine,
    start: () => WebhookCaller.open({ engine, clock: systemClock, log, secret, allowed, leaseMs }),
  }
}
