/** The tokens file as `chasqui token` changes it. */

import { existsSync } from 'node:fs'
import { EMPTY_TOKEN_FILE, formatTokenFile, type TokenFile } from '../distributor/access/token-file.ts'
import { loadTokenFile } from './load-access.ts'
import { replaceFile } from './replaced-file.ts'

/** An empty one where there is none. @throws ChasquiError CONFIG_INVALID */
export function readTokens(path: string): TokenFile {
  return existsSync(path) ? loadTokenFile(path) : EMPTY_TOKEN_FILE
}

/** @throws ChasquiError CONFIG_INVALID: it cannot be read or written, or somebody else is at it */
export function changeTokens<Result>(
  path: string,
  change: (file: TokenFile) => { file: TokenFile; result: Result },
): Result {
  return replaceFile(path, 'the tokens', () => {
    const { file, result } = change(readTokens(path))
    return { text: formatTokenFile(file), result }
  })
}
