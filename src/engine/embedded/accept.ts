/** A submission comes in: new, a duplicate, or a conflict. Runs inside a transaction. */

import type { TaskState } from '../../task/lifecycle.ts'
import { DEDUPE_WINDOW_MS_DEFAULT, WINDOW_PAYLOAD_LENGTH_MAX } from '../../task/limits.ts'
import { PLAIN_QUEUE, refusalBy, withDefaults } from '../../task/queue.ts'
import type { Durability, Receipt, Refusal, Submission } from '../../task/task.ts'
import { isSameContent } from '../content.ts'
import { createEntry } from './entry.ts'
import type { Heart } from './heart.ts'
import { place } from './moves.ts'
import { stateOf } from './records.ts'

export function accept(
  heart: Heart,
  given: Submission,
  nowMs: number,
  durability: Durability,
): Receipt | Refusal {
  const { store, queues } = heart
  const settings = queues.of(given.queue)
  const submission = settings === PLAIN_QUEUE ? given : withDefaults(given, settings, nowMs)
  const { id, options } = submission
  const queueNo = store.names.numberOf(submission.queue)
  const typeNo = store.names.numberOf(submission.type)

  if (options?.dedupeKey !== undefined && store.look.find(id) === null) {
    const holder = store.time.dedupeHolder(queueNo, options.dedupeKey, nowMs)
    const held = holder === null ? null : store.look.find(holder)
    if (held !== null) return { id: held.id, state: stateOf(heart, held), duplicate: true, durability }
  }

  if (settings !== PLAIN_QUEUE) {
    const refusal = refusalBy(settings, submission, () => queues.loadOf(heart.counts, queueNo))
    if (refusal !== null) return store.look.find(id) === null ? refusal : duplicate(heart, given, durability)
  }
  const scheduled = submission.runAtMs > nowMs
  const runAtMs = scheduled ? submission.runAtMs : nowMs
  const seq = heart.nextSeq
  const optionsText = options === null ? null : JSON.stringify(options)
  if (
    !store.tasks.insertTask(
      seq,
      id,
      queueNo,
      typeNo,
      submission.priority,
      nowMs,
      runAtMs,
      submission.dataText,
      optionsText,
    )
  ) {
    return duplicate(heart, given, durability)
  }
  heart.useSeq()
  heart.counts.add(queueNo, 'submitted', 1)
  queues.changed({ queueNo, seq }, 1)
  if (options !== null) {
    if (options.expiresAtMs !== undefined) {
      store.time.insertExpiry(options.expiresAtMs, seq)
      if (options.expiresAtMs < heart.nextExpiryMs) heart.nextExpiryMs = options.expiresAtMs
    }
    if (options.dedupeKey !== undefined) {
      store.time.holdDedupe(
        queueNo,
        options.dedupeKey,
        id,
        nowMs + (options.dedupeWindowMs ?? DEDUPE_WINDOW_MS_DEFAULT),
      )
    }
  }
  const dataText = submission.dataText.length <= WINDOW_PAYLOAD_LENGTH_MAX ? submission.dataText : null
  place(
    heart,
    createEntry(seq, id, queueNo, typeNo, submission.priority, nowMs, runAtMs, 0, 0, options, dataText),
    scheduled,
  )
  return { id, state: scheduled ? 'scheduled' : 'queued', duplicate: false, durability }
}

function duplicate(heart: Heart, given: Submission, durability: Durability): Receipt | Refusal {
  const held = heart.store.look.find(given.id, true)!
  const same = isSameContent(given, {
    type: heart.store.names.nameOf(held.typeNo),
    queue: heart.store.names.nameOf(held.queueNo),
    priority: held.priority,
    dataText: held.dataText!,
    options: held.options,
  })
  const state: TaskState = stateOf(heart, held)
  if (same) return { id: given.id, state, duplicate: true, durability }
  return {
    id: given.id,
    refused: {
      code: 'ID_CONFLICT',
      message: `task ${given.id} exists with other content (state ${state})`,
    },
  }
}
