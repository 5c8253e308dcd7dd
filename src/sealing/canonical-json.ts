/**
 * JSON text with the keys of every object in order: the same value gives the same text, however its objects were put together. The order is
 * that of RFC 8785 (by UTF-16 code units); numbers and strings are written as JSON.stringify does, which is what that RFC asks for, too.
 */

import type { Json } from '../task/task.ts'

export function canonicalText(text: string): string {
  return write(JSON.parse(text) as Json)
}

function write(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${write(value[key]!)}`)
  return `{${fields.join(',')}}`
}
