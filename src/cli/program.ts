/** All commands of `chasqui`: the table of contents of the command line. */

import { Command } from 'commander'
import { VERSION } from '../app/version.ts'
import { addAudit } from './audit.ts'
import { addBench } from './bench.ts'
import { addCancel } from './cancel.ts'
import { addCert } from './cert.ts'
import { addCheck } from './check.ts'
import { addCron } from './cron.ts'
import { addDistributor } from './distributor.ts'
import { exitCodeOf } from './exit-codes.ts'
import { addExplain } from './explain.ts'
import { addExport } from './export.ts'
import { addGet } from './get.ts'
import { addImport } from './import.ts'
import { addKeys } from './keys.ts'
import { addList } from './list.ts'
import { addLog } from './log.ts'
import { addMigrate } from './migrate.ts'
import { addQueues } from './queues.ts'
import { addRetry } from './retry.ts'
import { addStats } from './stats.ts'
import { addSubmit } from './submit.ts'
import { addToken } from './token.ts'
import { addTop } from './top.ts'
import { addUp } from './up.ts'
import { addWait } from './wait.ts'
import { addWatch } from './watch.ts'
import { addWorker } from './worker.ts'
import { addWorkers } from './workers.ts'

/** Servers first, then what one does with tasks, then what one looks at. */
const COMMANDS = [
  addUp,
  addDistributor,
  addWorker,
  addSubmit,
  addGet,
  addWait,
  addList,
  addWatch,
  addCancel,
  addRetry,
  addLog,
  addExplain,
  addQueues,
  addCron,
  addWorkers,
  addStats,
  addTop,
  addBench,
  addCheck,
  addCert,
  addToken,
  addAudit,
  addKeys,
  addExport,
  addImport,
  addMigrate,
]

export function createProgram(): Command {
  const program = new Command('chasqui')
    .description(
      'Carries tasks from clients through a queue to workers, and their results back, without dropping one.',
    )
    .version(VERSION, '-v, --version')
    .showHelpAfterError('(add --help for what can be said here)')
    .addHelpText(
      'after',
      '\nEvery command has --help with examples. Settings: docs/settings.md, exit codes: docs/cli.md.',
    )
  for (const add of COMMANDS) add(program)
  for (const command of program.commands) {
    command.copyInheritedSettings(program)
    command.exitOverride()
  }
  return program.exitOverride()
}

/** Runs one command line; sets the exit code of the process. */
export async function run(argv: readonly string[]): Promise<void> {
  const program = createProgram()
  try {
    if (argv.length <= 2) program.help({ error: true })
    await program.parseAsync(argv)
  } catch (error) {
    // Commander has said what is wrong, or shown the help that was asked for (then its code is 0).
    if (!isCommanderError(error)) throw error
    process.exitCode = error.exitCode === 0 ? 0 : exitCodeOf('usage')
  }
}

function isCommanderError(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.')
}
