/**
 * What the server answers, derived from the schemas that the server itself is held to: a field that changes there is a type error here.
 *
 * Types only: nothing of the server gets into the page.
 */

import type { Static } from 'typebox'
import type { ReasonKind } from '../../../src/task/explanation.ts'
import type { TaskState } from '../../../src/task/lifecycle.ts'
import type { Explanation as ExplanationShape } from '../../../src/wire/protocol/explanation.ts'
import type { OPERATOR_METHODS } from '../../../src/wire/protocol/operator.ts'
import type * as shapes from '../../../src/wire/protocol/shapes.ts'
import type { SubmitTask, TASK_METHODS, TASK_NOTIFICATIONS } from '../../../src/wire/protocol/task.ts'

type WithState<Shape> = Omit<Shape, 'state'> & { readonly state: TaskState }

export type TaskRecord = Readonly<WithState<Static<typeof shapes.TaskRecord>>>
export type Change = Readonly<WithState<Static<typeof shapes.Change>>>
export type LogLine = Readonly<Static<typeof shapes.LogLine>>
export type Progress = Readonly<Static<typeof shapes.Progress>>
export type TaskEvent = Readonly<
  Omit<WithState<Static<(typeof TASK_NOTIFICATIONS)['task.event']['params']>>, 'watch'>
>
export type Receipt = Static<(typeof TASK_METHODS)['task.submit']['result']>['receipts'][number]
export type Stats = Static<(typeof OPERATOR_METHODS)['system.stats']['result']>
export type QueueLook = Stats['queues'][number]
export type WorkerLook = Stats['workers'][number]
export type NewTask = Static<typeof SubmitTask>
type WireExplanation = Static<typeof ExplanationShape>
export type Reason = Readonly<Omit<WireExplanation['reasons'][number], 'kind'> & { kind: ReasonKind }>
export type Explanation = Readonly<Omit<WireExplanation, 'reasons'> & { reasons: readonly Reason[] }>
