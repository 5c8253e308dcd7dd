/** From the end of a command's body, however it ends, to an exit code and at most one sentence. */

import type { Command } from 'commander'
import { ChasquiError } from '../task/errors.ts'
import { CommandError, type ExitName, exitCodeOf, exitOfError } from './exit-codes.ts'
import { createScreen, type Screen } from './screen.ts'

export type Options = Readonly<Record<string, unknown>>

export interface Call {
  readonly screen: Screen
  readonly options: Options
  readonly command: Command
}

/** What a command's body answers: by name, or for a server the code itself. */
export type End = ExitName | number

/** Wraps a body for commander, which passes the arguments, then the options, then the command. */
export function action<Arguments extends readonly unknown[]>(
  body: (call: Call, ...args: Arguments) => Promise<End>,
): (...passed: unknown[]) => Promise<void> {
  return async (...passed) => {
    const command = passed.pop() as Command
    const options = passed.pop() as Options
    const screen = createScreen(options.json === true)
    try {
      const end = await body({ screen, options, command }, ...(passed as unknown as Arguments))
      process.exitCode = typeof end === 'number' ? end : exitCodeOf(end)
    } catch (error) {
      process.exitCode = exitCodeOf(report(error, screen))
    }
  }
}

/** One sentence for what a person can act on; anything else is a bug, and shows where it is. */
function report(error: unknown, screen: Screen): ExitName {
  if (!(error instanceof ChasquiError || error instanceof CommandError)) {
    process.stderr.write(
      `chasqui: this is a bug in Chasqui: ${error instanceof Error ? error.stack : String(error)}\n`,
    )
    return 'failed'
  }
  const exit = error instanceof CommandError ? error.exit : exitOfError(error.code)
  const code = error instanceof ChasquiError ? error.code : causeCode(error)
  const line = screen.json
    ? JSON.stringify({ error: { code, message: error.message } })
    : `${screen.errorColors.red('chasqui:')} ${error.message.replace(/\.?$/, '.')}`
  process.stderr.write(`${line}\n`)
  return exit
}

function causeCode({ cause }: CommandError): string {
  return cause instanceof ChasquiError ? cause.code : 'USAGE'
}
