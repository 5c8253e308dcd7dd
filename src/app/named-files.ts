/** The small files that settings name: read whole, and a mistake is one sentence that says which setting named which file. */

import { readFileSync } from 'node:fs'
import { ChasquiError } from '../task/errors.ts'
import type { NamedPem } from '../wire/certificates.ts'
import { flagOf, type SettingKey } from './settings.ts'

/** @throws ChasquiError CONFIG_INVALID */
export function readNamedFile(key: SettingKey, path: string): NamedPem {
  const from = `${flagOf(key)} ${path}`
  try {
    return { text: readFileSync(path, 'utf8'), from }
  } catch (cause) {
    const why: Readonly<Record<string, string>> = {
      ENOENT: 'does not exist',
      EACCES: 'may not be read by this user',
      EISDIR: 'is a folder',
    }
    const { code, message } = cause as NodeJS.ErrnoException
    throw new ChasquiError(
      'CONFIG_INVALID',
      `the file of ${from} ${why[code ?? ''] ?? `cannot be read: ${message}`}`,
      { cause },
    )
  }
}
