/**
 * Every method and notification of the wire with the schemas of its params and result: the single source for validation, for
 * `rpc.discover`, and for the test that compares docs/protocol.md.
 *
 * Only servers and tests import this (TypeBox takes a tenth of a second to load); clients read and write with the codecs beside it.
 */

import { CRON_METHODS } from './protocol/cron.ts'
import type { MethodDescription, NotificationDescription } from './protocol/method.ts'
import { OPERATOR_METHODS } from './protocol/operator.ts'
import { QUEUE_METHODS } from './protocol/queue.ts'
import { SESSION_METHODS } from './protocol/session.ts'
import { TASK_METHODS, TASK_NOTIFICATIONS } from './protocol/task.ts'
import { WORK_METHODS, WORK_NOTIFICATIONS } from './protocol/work.ts'

export const METHODS = {
  ...SESSION_METHODS,
  ...TASK_METHODS,
  ...WORK_METHODS,
  ...QUEUE_METHODS,
  ...CRON_METHODS,
  ...OPERATOR_METHODS,
} as const satisfies Record<string, MethodDescription>

export type MethodName = keyof typeof METHODS

export const NOTIFICATIONS = {
  ...TASK_NOTIFICATIONS,
  ...WORK_NOTIFICATIONS,
} as const satisfies Record<string, NotificationDescription>
