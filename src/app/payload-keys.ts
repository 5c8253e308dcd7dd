/** The middleware of `--encryption-keys`, for the clients of commands. */

import { encryption } from '../sealing/encryption.ts'
import { keyFile } from '../sealing/key-file.ts'
import type { Use } from '../task/middleware.ts'
import type { Settings } from './settings.ts'

/** For `connect`. @throws ChasquiError CONFIG_INVALID */
export function payloadKeys({ encryptionKeys, plainPayloads }: Settings): { readonly use?: Use } {
  if (encryptionKeys === undefined) return {}
  return { use: [encryption(keyFile(encryptionKeys), { allowPlain: plainPayloads === 'take' })] }
}
