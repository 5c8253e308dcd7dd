/**
 * One attempt inside its thread: what came in, and the one value that the executor carries through its steps, from data to
 * result.
 */

import type { TaskDefinition } from '../../task/definition.ts'
import type { AttemptContext } from './context.ts'

export class Attempt {
  readonly position: number
  readonly id: string
  readonly queue: string
  readonly attempt: number
  readonly maxAttempts: number
  readonly metadataText: string | null
  readonly definition: TaskDefinition
  /** Text, then data, checked data, returned value, result text. */
  value: unknown
  context: AttemptContext | null = null
  startedMs = 0
  ended = false

  constructor(
    position: number,
    id: string,
    queue: string,
    attempt: number,
    maxAttempts: number,
    dataText: string,
    metadataText: string | null,
    definition: TaskDefinition,
  ) {
    this.position = position
    this.id = id
    this.queue = queue
    this.attempt = attempt
    this.maxAttempts = maxAttempts
    this.value = dataText
    this.metadataText = metadataText
    this.definition = definition
  }
}
