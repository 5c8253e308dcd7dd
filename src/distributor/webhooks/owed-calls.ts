/**
 * Tasks with a webhook: together with each of them, in the same batch and so as safe as it is, a second task is accepted: the call that is owed. It waits in a
 * queue of its own, and distributors work it off (caller.ts). So a call outlives restarts, is retried with the back-off of every task, and is found among the
 * failed ones when the receiver was gone for too long.
 *
 * Invariant: no receipt for a task whose call was not accepted.
 */

import { createHash } from 'node:crypto'
import type { Engine } from '../../engine/engine.ts'
import { ForwardingEngine } from '../../engine/forwarding-engine.ts'
import { PRIORITY_DEFAULT, WEBHOOK_ATTEMPTS_MAX, WEBHOOK_CRASHES_MAX } from '../../task/limits.ts'
import type { Durability, Receipt, Refusal, Submission } from '../../task/task.ts'

export const WEBHOOK_QUEUE = 'chasqui-webhooks'
export const WEBHOOK_TYPE = 'chasqui.webhook'

export interface OwedCall {
  readonly task: string
  readonly url: string
}

export class WebhookEngine extends ForwardingEngine {
  readonly #isOn: boolean

  /** @param isOn whether somebody makes the calls; otherwise tasks with a webhook are refused */
  constructor(inner: Engine, isOn: boolean) {
    super(inner)
    this.#isOn = isOn
  }

  override async submit(
    batch: readonly Submission[],
    durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    const owing = batch.flatMap((submission, index) =>
      submission.options?.webhook === undefined ? [] : [index],
    )
    if (owing.length === 0) return this.inner.submit(batch, durability)
    if (!this.#isOn) return this.#withoutThem(batch, durability)
    const calls = owing.map((index) => callOf(batch[index]!))
    const answers = await this.inner.submit([...calls, ...batch], durability)
    return batch.map((submission, index) => {
      const answer = answers[calls.length + index]!
      const ofCall = owing.includes(index) ? answers[owing.indexOf(index)]! : answer
      // Submitting it again is harmless, and brings both.
      return 'refused' in ofCall && !('refused' in answer) ? { ...ofCall, id: submission.id } : answer
    })
  }

  async #withoutThem(
    batch: readonly Submission[],
    durability: Durability,
  ): Promise<readonly (Receipt | Refusal)[]> {
    const rest = batch.filter(({ options }) => options?.webhook === undefined)
    const answers = rest.length === 0 ? [] : await this.inner.submit(rest, durability)
    let next = 0
    return batch.map(({ id, options }) =>
      options?.webhook === undefined
        ? answers[next++]!
        : {
            id,
            refused: { code: 'NOT_SUPPORTED', message: 'this server calls no webhooks (--webhook-secret)' },
          },
    )
  }
}

/** Always the same one for the same task: its id is also what the receiver knows repetitions by. */
function callOf({ id, runAtMs, options }: Submission): Submission {
  const call: OwedCall = { task: id, url: options!.webhook!.url }
  return {
    id: `webhook-${createHash('sha256').update(id).digest('base64url')}`,
    type: WEBHOOK_TYPE,
    queue: WEBHOOK_QUEUE,
    dataText: JSON.stringify(call),
    priority: PRIORITY_DEFAULT,
    runAtMs,
    options: { maxAttempts: WEBHOOK_ATTEMPTS_MAX, maxCrashes: WEBHOOK_CRASHES_MAX },
  }
}
