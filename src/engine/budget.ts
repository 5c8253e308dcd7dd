/** The budgets of a task, with the defaults filled in. Shared by the engines that judge outcomes themselves. */

import { ATTEMPTS_DEFAULT, CRASHES_DEFAULT } from '../task/limits.ts'
import type { TaskOptions } from '../task/task.ts'
import { type Budget, isLastChance } from '../task/verdict.ts'

export function budgetOf(task: {
  readonly failures: number
  readonly crashes: number
  readonly options: TaskOptions | null
}): Budget {
  return {
    failures: task.failures,
    maxAttempts: task.options?.maxAttempts ?? ATTEMPTS_DEFAULT,
    crashes: task.crashes,
    maxCrashes: task.options?.maxCrashes ?? CRASHES_DEFAULT,
    backoff: task.options?.backoff ?? null,
  }
}

/** See Engine.consume. Asked for every delivery: a task without a crash costs one comparison. */
export function mustRunAlone(task: Parameters<typeof budgetOf>[0]): boolean {
  return task.crashes > 0 && isLastChance(budgetOf(task))
}
