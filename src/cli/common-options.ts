/** What commands have in common: how they are made, `--json`, examples, and durations. */

import { type Command, InvalidArgumentError } from 'commander'
import { DURATION_FORM, parseDuration, parseSize, SIZE_FORM } from '../app/quantities.ts'

export interface CommandText {
  /** As commander writes it: `get <id...>`. */
  readonly usage: string
  readonly description: string
  /** Command lines that work, each with what it is for. */
  readonly examples: readonly (readonly [line: string, purpose: string])[]
}

export function addCommand(program: Command, { usage, description, examples }: CommandText): Command {
  const width = Math.max(...examples.map(([line]) => line.length))
  const lines = examples.map(([line, purpose]) => `  ${line.padEnd(width)}  ${purpose}`)
  return program
    .command(usage)
    .description(description)
    .summary(description.split(/(?<=[.:])\s/)[0]!.replace(/[.:]$/, ''))
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

export function addJson(command: Command): Command {
  return command.option('--json', 'one JSON value a line on standard output, for scripts')
}

/** For commander: the text of an option to milliseconds. */
export function durationOption(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new InvalidArgumentError(`It must be ${DURATION_FORM}.`)
  return ms
}

/** For commander: the text of an option to bytes. */
export function sizeOption(text: string): number {
  const bytes = parseSize(text)
  if (bytes === null) throw new InvalidArgumentError(`It must be ${SIZE_FORM}.`)
  return bytes
}

/** For commander: a whole number in a range. */
export function integerOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

/** For commander: `a,b` and repeated options, as one list. */
export function listOption(text: string, before: readonly string[] = []): readonly string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.some((part) => part === '')) throw new InvalidArgumentError('It must be a list like a,b.')
  return [...before, ...parts]
}
