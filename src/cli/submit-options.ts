/** The options of `chasqui submit` that describe the tasks: from the command line to SubmitOptions of the client library. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../app/quantities.ts'
import type { SubmitOptions } from '../client/submission.ts'
import { ATTEMPTS_MAX, CRASHES_MAX, PRIORITY_DEFAULT, PRIORITY_MAX, PRIORITY_MIN } from '../task/limits.ts'
import type { Options } from './action.ts'
import { durationOption, integerOption } from './common-options.ts'

export function addTaskOptions(command: Command): Command {
  return addScheduledTaskOptions(command)
    .option('--delay <duration>', 'not before this', durationOption)
    .addOption(new Option('--run-at <time>', 'not before this time, in ISO 8601').conflicts('delay'))
    .option('--dedupe-key <key>', 'while a task with this key is young, submitting answers with that one')
    .option('--dedupe-window <duration>', 'how long that is (default: 1h)', durationOption)
    .option('--relaxed', 'confirm before it is synced to disk')
}

/** Those that the task of a schedule has as well. */
export function addScheduledTaskOptions(command: Command): Command {
  return command
    .option('--id <id>', 'your own id; submitting the same id again is safe')
    .option('--queue <name>', 'where it waits (default: default)')
    .option(
      '--priority <n>',
      `${PRIORITY_MIN} to ${PRIORITY_MAX}, higher first (default: ${PRIORITY_DEFAULT})`,
      integerOption(PRIORITY_MIN, PRIORITY_MAX),
    )
    .option('--ttl <duration>', 'expires when it was not started by then', durationOption)
    .option('--attempts <n>', 'attempts in all', integerOption(1, ATTEMPTS_MAX))
    .option('--crashes <n>', 'worker deaths that it survives', integerOption(0, CRASHES_MAX))
    .option('--backoff <a,b>', 'waits between attempts, the last one repeats: 1s,10s,1m', backoffOption)
    .option('--timeout <duration>', 'for one attempt', durationOption)
    .option('--key <key>', 'whose task it is, a tenant for example')
    .option('--metadata <name=value>', 'a small text that travels along; can be repeated', metadataOption)
}

export function submitOptionsOf(options: Options): SubmitOptions {
  const { id, queue, priority, delay, runAt, ttl, attempts, crashes, backoff, timeout } = options
  const { key, dedupeKey, dedupeWindow, metadata, relaxed } = options
  const given = {
    id,
    queue,
    priority,
    delayMs: delay,
    runAt,
    ttlMs: ttl,
    maxAttempts: attempts,
    maxCrashes: crashes,
    backoff,
    timeoutMs: timeout,
    key,
    dedupeKey,
    dedupeWindowMs: dedupeWindow,
    metadata,
    durability: relaxed === true ? 'relaxed' : undefined,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

export function backoffOption(text: string): readonly number[] {
  const delays = text.split(',').map(parseDuration)
  if (delays.includes(null)) throw new InvalidArgumentError('It must be a list of durations like 1s,10s,1m.')
  return delays as number[]
}

function metadataOption(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It must have the form name=value.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}
