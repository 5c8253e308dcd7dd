/** What an attempt came to, as a value. Produced by workers, judged by verdict.ts, recorded by engines. */

/** The error of a task: what user code threw, or what happened to its worker. */
export interface TaskError {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

/** The right to finish one attempt. A later delivery of the same task has a greater epoch, which fences this one off. */
export interface Lease {
  readonly id: string
  readonly epoch: number
}

interface Attempted extends Lease {
  /** How long the handler ran, as far as the worker knows: for measures, nothing is decided by it. */
  readonly runMs?: number
}

export type Outcome =
  /** `valueText` is JSON text; `null` when the handler returned nothing. */
  | (Attempted & { readonly kind: 'returned'; readonly valueText: string })
  | (Attempted & {
      readonly kind: 'threw'
      readonly error: TaskError
      /** false: do not try again. Default true. */
      readonly retryable: boolean
      /** Replaces the back-off of the task for the next attempt. */
      readonly retryAfterMs?: number
    })
  | (Attempted & { readonly kind: 'timedOut'; readonly error: TaskError })
  /** The thread or process that ran it died under it: counted apart from failures. */
  | (Attempted & { readonly kind: 'crashed'; readonly error: TaskError })
  /** Given back unstarted, or stopped through no fault of its own: uses up nothing. */
  | (Attempted & { readonly kind: 'released' })

export type OutcomeKind = Outcome['kind']
