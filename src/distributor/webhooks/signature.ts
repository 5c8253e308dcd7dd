/** Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): what makes a receiver sure that it was us. */

import { createHmac } from 'node:crypto'
import { ChasquiError } from '../../task/errors.ts'

const PREFIX = 'whsec_'
const SECRET_BYTES_MIN = 24
const SECRET_BYTES_MAX = 64
const SECOND_MS = 1_000

/** @throws ChasquiError CONFIG_INVALID, without the secret */
export function readWebhookSecret(text: string): Buffer {
  const key = Buffer.from(text.startsWith(PREFIX) ? text.slice(PREFIX.length) : '', 'base64')
  if (key.length < SECRET_BYTES_MIN || key.length > SECRET_BYTES_MAX) {
    const form = `${PREFIX} and the base64 of ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} random bytes`
    throw new ChasquiError('CONFIG_INVALID', `--webhook-secret must be ${form}, or @FILE that holds that`)
  }
  return key
}

export function signedHeaders(
  key: Buffer,
  id: string,
  nowMs: number,
  body: string,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / SECOND_MS))
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  }
}
