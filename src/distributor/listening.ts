/** Why a server cannot listen where it was told to, as one sentence that says what to do. */

import { ChasquiError } from '../task/errors.ts'

/** @param flag that names another port */
export function cannotListen(
  error: NodeJS.ErrnoException,
  host: string,
  port: number,
  flag: string,
): ChasquiError {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} on ${host} is already taken: stop the other program or choose another with ${flag}`,
    EACCES: `port ${port} on ${host} needs special rights: choose one above 1023 with ${flag}`,
    EADDRNOTAVAIL: `${host} is no address of this machine: choose another with --host`,
    ENOTFOUND: `${host} is no name that can be resolved: choose another with --host`,
  }
  const sentence =
    why[error.code ?? ''] ?? `it is not possible to listen on port ${port} of ${host}: ${error.message}`
  return new ChasquiError('CONFIG_INVALID', sentence, { cause: error })
}
