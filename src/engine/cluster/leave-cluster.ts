/** The last things of a member that closes: others are told that it left, and its connections end. */

import type { Core } from './core.ts'
import { numbers } from './ledger/columns.ts'
import { DELETE_CLAIMS } from './ledger/keeper-statements.ts'
import type { Membership } from './membership.ts'
import type { Publisher } from './publisher.ts'

export async function leaveCluster(core: Core, publisher: Publisher, membership: Membership): Promise<void> {
  try {
    await publisher.close()
    const done = core.leases.takeDoneClaims()
    if (done.length > 0) await core.ledger.look.repeat(DELETE_CLAIMS, [numbers(done)])
    await membership.leave()
  } catch {
    // The database is down: others find what is left.
  }
  await core.broker?.close()
  await core.ledger.close()
}
