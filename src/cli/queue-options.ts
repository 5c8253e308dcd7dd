/** The options of `chasqui queues define`: one for each thing that a queue can be told; `none` takes it away. */

import type { Command } from 'commander'
import { ATTEMPTS_MAX, CRASHES_MAX, PRIORITY_MAX, PRIORITY_MIN } from '../task/limits.ts'
import type { QueueChange } from '../task/queue.ts'
import { readBackoff } from '../wire/submission-codec.ts'
import type { Options } from './action.ts'
import { durationOption, integerOption, sizeOption } from './common-options.ts'
import { backoffOption } from './submit-options.ts'

const NONE = 'none'

/** For commander. */
function orNone<Value>(parse: (text: string) => Value): (text: string) => Value | null {
  return (text) => (text === NONE ? null : parse(text))
}

export function addQueueOptions(command: Command): Command {
  return command
    .option(
      '--priority <n>',
      'define: priority of tasks that have the default',
      orNone(integerOption(PRIORITY_MIN, PRIORITY_MAX)),
    )
    .option('--attempts <n>', 'define: attempts of a task', orNone(integerOption(1, ATTEMPTS_MAX)))
    .option(
      '--crashes <n>',
      'define: worker deaths that a task survives',
      orNone(integerOption(0, CRASHES_MAX)),
    )
    .option(
      '--backoff <a,b>',
      'define: delays between attempts; the last one repeats',
      orNone((text) => readBackoff(backoffOption(text))),
    )
    .option('--timeout <duration>', 'define: time for one attempt', orNone(durationOption))
    .option('--ttl <duration>', 'define: tasks not started after this time expire', orNone(durationOption))
    .option(
      '--tasks-max <n>',
      'define: unfinished tasks, beyond which new ones are refused',
      orNone(integerOption(0, Number.MAX_SAFE_INTEGER)),
    )
    .option('--bytes-max <size>', 'define: bytes of their data, likewise', orNone(sizeOption))
    .option('--retention <duration>', 'define: how long final tasks are kept', orNone(durationOption))
    .option('--failed-retention <duration>', 'define: how long failed tasks are kept', orNone(durationOption))
}

export function changeOf(options: Options): QueueChange {
  const { priority, attempts, crashes, backoff, timeout, ttl } = options
  const { tasksMax, bytesMax, retention, failedRetention } = options
  const defaults = given({
    priority,
    maxAttempts: attempts,
    maxCrashes: crashes,
    backoff,
    timeoutMs: timeout,
    ttlMs: ttl,
  })
  return {
    ...given({ tasksMax, bytesMax, retentionMs: retention, failedRetentionMs: failedRetention }),
    ...(Object.keys(defaults).length > 0 && { defaults }),
  } as QueueChange
}

function given(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
