/**
 * One setting's value: from the text of a flag or variable, or the value in a file, to what the program uses; and the sentence that says what
 * would have been right.
 */

import { redactedUrl } from '../wire/redacted-url.ts'
import {
  DURATION_FORM,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  SIZE_FORM,
} from './quantities.ts'
import { fits } from './setting-schema.ts'
import { type SettingKey, schemaOf } from './settings.ts'

export type ReadValue =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly expected: string }

/** Reads a value as it was written; a string may also stand in a file where a number is meant (`'5s'`). */
export function readValue(key: SettingKey, written: unknown): ReadValue {
  const value = typeof written === 'string' ? valueOfText(key, written) : written
  return fits(schemaOf(key), value) ? { ok: true, value } : { ok: false, expected: expectedForm(key) }
}

function valueOfText(key: SettingKey, text: string): unknown {
  if (isDuration(key)) return parseDuration(text)
  if (isSize(key)) return parseSize(text)
  switch (schemaOf(key).type) {
    case 'integer':
      return /^-?\d+$/.test(text.trim()) ? Number(text) : null
    case 'array':
      return text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
    default:
      return text
  }
}

/** What a value must be, to be put after "must be". */
export function expectedForm(key: SettingKey): string {
  const schema = schemaOf(key)
  if (schema.form !== undefined) return schema.form.replaceAll('`', '')
  switch (schema.type) {
    case 'integer': {
      const { minimum, maximum } = schema
      if (isDuration(key)) {
        return `${DURATION_FORM}, from ${formatDuration(minimum)} to ${formatDuration(maximum)}`
      }
      if (isSize(key)) return `${SIZE_FORM}, from ${formatSize(minimum)} to ${formatSize(maximum)}`
      return `a whole number from ${minimum} to ${maximum}`
    }
    case 'array':
      return 'a list like a,b'
    case 'string':
      return 'enum' in schema ? `one of ${schema.enum.join(', ')}` : 'a text that is not empty'
  }
}

/** As people would write it; undefined where there is no value. */
export function formatValue(key: SettingKey, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (schemaOf(key).secret === 'whole') return '(secret)'
  if (isDuration(key)) return formatDuration(value as number)
  if (isSize(key)) return formatSize(value as number)
  // One by one: a password may hold a comma.
  return Array.isArray(value)
    ? value.map((part) => redactedUrl(String(part))).join(',')
    : redactedUrl(String(value))
}

function isDuration(key: SettingKey): boolean {
  return key.endsWith('Ms')
}

function isSize(key: SettingKey): boolean {
  return key.endsWith('Bytes')
}
