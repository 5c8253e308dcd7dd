/**
 * A straight pipe over one attempt: received → parsed → checked → run → judged → written. Each step takes the attempt's value and
 * returns the next one, or a promise of it; an attempt whose steps are all synchronous ends without a single promise. Middleware, where
 * there is any, stands around checked → run → judged.
 *
 * Failures of user code are values: this never throws and always calls `ended` exactly once.
 */

import { checkInput, checkOutput } from '../../task/definition.ts'
import { ChasquiError } from '../../task/errors.ts'
import type { AroundRun, TextMiddleware } from '../../task/middleware.ts'
import { isTraced, withinTrace } from '../../telemetry/spans.ts'
import { RESULT } from '../hand-over.ts'
import type { Attempt } from './attempt.ts'
import { describeThrown, taskErrorOf } from './failure.ts'
import { writeError } from './texts.ts'

export interface ExecutorSink {
  /** Called once when the attempt has ended. `text` is JSON: the value, or a Thrown. */
  ended(attempt: Attempt, kind: number, text: string): void
}

/** What is the same for all attempts of a thread. */
export interface Pipe {
  readonly resultBytesMax: number
  readonly around: AroundRun | null
  readonly texts: TextMiddleware | null
}

type Step = (attempt: Attempt, pipe: Pipe) => unknown

/** In this order. An output schema may be asynchronous too, so that writing is a step of its own. */
const STEPS: readonly Step[] = [parse, check, runWithin, judge, write]
const STEPS_AROUND: readonly Step[] = [parse, runAroundWithin, write]

export function execute(attempt: Attempt, pipe: Pipe, sink: ExecutorSink): void {
  advance(attempt, 0, pipe, sink)
}

function advance(attempt: Attempt, from: number, pipe: Pipe, sink: ExecutorSink): void {
  const steps = pipe.around === null ? STEPS : STEPS_AROUND
  for (let at = from; at < steps.length; at++) {
    try {
      const next = steps[at]!(attempt, pipe)
      if (isThenable(next)) {
        next.then(
          (value) => {
            attempt.value = value
            advance(attempt, at + 1, pipe, sink)
          },
          (thrown) => fail(attempt, thrown, pipe, sink),
        )
        return
      }
      attempt.value = next
    } catch (thrown) {
      // Also what a hostile `then` throws.
      fail(attempt, thrown, pipe, sink)
      return
    }
  }
  sink.ended(attempt, RESULT.returned, attempt.value as string)
}

function fail(attempt: Attempt, thrown: unknown, { texts }: Pipe, sink: ExecutorSink): void {
  const said = describeThrown(thrown)
  const error = writeError(said.error, attempt.id, texts, thrown)
  sink.ended(attempt, RESULT.threw, JSON.stringify({ ...said, error }))
}

function runWithin(attempt: Attempt): unknown {
  return withinItsTrace(attempt, () => run(attempt))
}

function runAroundWithin(attempt: Attempt, pipe: Pipe): unknown {
  return withinItsTrace(attempt, () => runAround(attempt, pipe))
}

/** Where a module has registered a tracer in this thread, what middleware and handler begin follows on the span of the attempt. */
function withinItsTrace(attempt: Attempt, go: () => unknown): unknown {
  if (attempt.metadataText === null || !isTraced()) return go()
  return withinTrace(attempt.context!.metadata, go)
}

function runAround(attempt: Attempt, { around }: Pipe): unknown {
  return around!(attempt.value, attempt.context!, async (data) => {
    attempt.value = data
    attempt.value = await check(attempt)
    attempt.value = await run(attempt)
    return judge(attempt)
  })
}

function parse(attempt: Attempt): unknown {
  try {
    return JSON.parse(attempt.value as string)
  } catch (cause) {
    throw new ChasquiError('INVALID_INPUT', 'the data of the task is not JSON', { cause })
  }
}

function check(attempt: Attempt): unknown {
  const { definition } = attempt
  return definition.input === undefined ? attempt.value : checkInput(definition, attempt.value)
}

function run({ definition, value, context }: Attempt): unknown {
  return definition.run(value, context!)
}

function judge(attempt: Attempt): unknown {
  const { definition } = attempt
  return definition.output === undefined ? attempt.value : checkOutput(definition, attempt.value)
}

function write(attempt: Attempt, { resultBytesMax }: Pipe): string {
  const { value } = attempt
  if (value === undefined) return 'null'
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw unusable(`the result cannot be written as JSON: ${taskErrorOf(cause).message}`)
  }
  if (text === undefined) throw unusable(`the result cannot be written as JSON: it is a ${typeof value}`)
  // A character is at most three bytes of UTF-8, so that short texts need no counting.
  if (text.length * 3 > resultBytesMax && Buffer.byteLength(text) > resultBytesMax) {
    throw unusable(`the result has ${Buffer.byteLength(text)} bytes of JSON; ${resultBytesMax} are allowed`)
  }
  return text
}

/** Another attempt would most likely return the same. */
class ResultError extends Error {
  readonly retryable = false
}

function unusable(message: string): ResultError {
  const error = new ResultError(message)
  error.name = 'ResultError'
  return error
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
