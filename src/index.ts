/**
 * The public door of Chasqui. Three things to begin with: `defineTask` makes a task type, `connect` gives a client that submits
 * tasks and awaits their results, and `connectWorker` runs them.
 *
 * ```ts
 * import { connect, defineTask } from 'chasqui'
 * import { z } from 'zod'
 *
 * export const sumar = defineTask({
 *   type: 'sumar',
 *   input: z.array(z.number()),
 *   run: (data, { signal }) => data.reduce((a, b) => a + b, 0),
 * })
 *
 * const client = await connect('chasqui://localhost:5000')
 * const task = await client.submit(sumar, [5, 7], { delayMs: 0 })
 * const value = await task.result({ timeoutMs: 10_000 }) // 12
 * await client.close()
 * ```
 *
 * Whatever fails rejects with a ChasquiError, whose `code` is one of a single table (`ERRORS`).
 */

export {
  type Client,
  type ClientOptions,
  createClient,
  type SubmitArguments,
  type SubmitManyOptions,
} from './client/client.ts'
export { type ConnectOptions, connect } from './client/connect.ts'
export type { TaskEvents } from './client/event-stream.ts'
export type { TaskHandle, WaitOptions } from './client/handle.ts'
export { type MemoOptions, memo } from './client/memo.ts'
export type { Queues } from './client/queues.ts'
export type { ScheduleOptions, Schedules, ScheduleTiming } from './client/schedules.ts'
export type { TaskSnapshot } from './client/snapshot.ts'
export type { SubmitOptions } from './client/submission.ts'
export type {
  CatchUp,
  Cron,
  Overlap,
  Placement,
  Schedule,
  SchedulePage,
  ScheduleQuery,
  ScheduleRecord,
} from './engine/cron.ts'
export type {
  Change,
  Engine,
  EngineReport,
  ListQuery,
  LogLevel,
  LogLine,
  QueueReport,
  RetryAnswer,
  RetrySelection,
  TaskEvent,
  WatchQuery,
} from './engine/engine.ts'
export { type EncryptionOptions, encryption } from './sealing/encryption.ts'
export { createKey, keyFile } from './sealing/key-file.ts'
export type { KeyRing, KeySource } from './sealing/key-ring.ts'
export type { Backoff } from './task/backoff.ts'
export {
  type BackoffSetting,
  defineTask,
  type Isolation,
  type JsonOf,
  PermanentError,
  RetryLater,
  type TaskContext,
  type TaskDefaults,
  type TaskDefinition,
  type TaskDescription,
  type TaskLog,
} from './task/definition.ts'
export { ChasquiError, ERRORS, type ErrorCode } from './task/errors.ts'
export type { Explanation, Reason, ReasonKind, Taker } from './task/explanation.ts'
export { newTaskId } from './task/ids.ts'
export { FINAL_STATES, type FinalState, isFinal, TASK_STATES, type TaskState } from './task/lifecycle.ts'
export {
  forTask,
  type Middleware,
  type TaskMiddleware,
  type TextMiddleware,
  type Use,
} from './task/middleware.ts'
export type { TaskError } from './task/outcome.ts'
export type { QueueChange, QueueDefaults, QueueMode, QueueSettings } from './task/queue.ts'
export type { StandardSchemaV1 } from './task/standard-schema.ts'
export type {
  Durability,
  Json,
  Progress,
  Receipt,
  Submission,
  TaskRecord,
  WorkerIdentity,
} from './task/task.ts'
export type { ClientTlsSource } from './wire/tls-dialer.ts'
export type { ClientTls } from './wire/tls-policy.ts'
export { type ConnectWorkerOptions, connectWorker } from './worker/connect.ts'
export type { WorkerOptions } from './worker/options.ts'
export { openWorker, type Worker, type WorkerEnd, type WorkerStats } from './worker/worker.ts'
