/**
 * The parts of docs/protocol.md and docs/errors.md that are made from the schemas: for each method its parameters, its reply and its
 * errors; for each notification its parameters; for each shape that several of them share its fields.
 */

import type { TSchema } from 'typebox'
import { ERRORS, type ErrorCode } from '../src/task/errors.ts'
import { NAME_PATTERN } from '../src/wire/fields.ts'
import { COMMON_ERRORS } from '../src/wire/protocol/method.ts'
import { METHODS, NOTIFICATIONS } from '../src/wire/protocol.ts'
import { TIME_PATTERN } from '../src/wire/time-codec.ts'

/** What JSON schema says, as far as our schemas use it. */
interface Schema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly string[]
  readonly const?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
}

/** By the name of the part: methods, notifications, `shape NAME`, `common errors`. */
export function protocolParts(): Map<string, string> {
  const parts = new Map<string, string>([['common errors', errorList(COMMON_ERRORS)]])
  for (const [name, { summary, params, result, errors }] of Object.entries(METHODS)) {
    const lines = [
      summary,
      '',
      fieldsOrNone('Parameters', params as Schema),
      '',
      fieldsOrNone('Reply', result as Schema),
    ]
    if (errors.length > 0)
      lines.push('', `Errors besides the [common ones](#errors-valid-anywhere): ${errorList(errors)}`)
    parts.set(name, lines.join('\n'))
  }
  for (const [name, { summary, params }] of Object.entries(NOTIFICATIONS)) {
    parts.set(name, [summary, '', fieldsOrNone('Parameters', params as Schema)].join('\n'))
  }
  for (const [title, schema] of shapes()) parts.set(`shape ${title}`, shapePart(schema))
  return parts
}

export function errorsTable(): string {
  const rows = Object.entries(ERRORS).map(
    ([name, { number, retryable, meaning }]) =>
      `| \`${name}\` | ${number} | ${retryable ? 'yes' : 'no'} | ${meaning} |`,
  )
  return ['| name | code | retryable | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

/** Every schema with a title, by title, in the order in which they are first met. */
export function shapes(): Map<string, Schema> {
  const found = new Map<string, Schema>()
  const visit = (schema: Schema) => {
    if (schema.title !== undefined && !found.has(schema.title)) found.set(schema.title, schema)
    for (const inner of innerOf(schema)) visit(inner)
  }
  const all: readonly { params: TSchema; result?: TSchema }[] = [
    ...Object.values(METHODS),
    ...Object.values(NOTIFICATIONS),
  ]
  for (const { params, result } of all) {
    visit(params as Schema)
    if (result !== undefined) visit(result as Schema)
  }
  return found
}

function innerOf({ properties = {}, patternProperties = {}, items, anyOf = [] }: Schema): readonly Schema[] {
  const own = [...Object.values(properties), ...Object.values(patternProperties), ...anyOf]
  return items === undefined ? own : [...own, items]
}

function shapePart(schema: Schema): string {
  const objects = (schema.anyOf ?? []).filter(({ properties }) => properties !== undefined)
  if (schema.enum !== undefined) return `${schema.description} One of ${values(schema.enum)}.`
  if (objects.length === 0) return `${schema.description}\n\n${table(rowsOf(schema, ''))}`
  const others = schema.anyOf!.filter(({ properties }) => properties === undefined)
  const short = others.map((other) => `${typeText(other)}: ${other.description}`)
  return [
    `${schema.description} One of:`,
    ...objects.map((object) => `\n${table(rowsOf(object, ''))}`),
    ...short.map((text) => `\n- ${text}`),
  ].join('\n')
}

function fieldsOrNone(what: string, schema: Schema): string {
  const rows = rowsOf(schema, '')
  return rows.length === 0 ? `${what}: none (\`{}\`).` : `${what}:\n\n${table(rows)}`
}

function table(rows: readonly string[]): string {
  return ['| field | type | | |', '|---|---|---|---|', ...rows].join('\n')
}

/** One row a field; fields of an object without a title follow it. */
function rowsOf({ properties = {}, required = [] }: Schema, path: string): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const field = `${path}${name}`
    const need = required.includes(name) ? 'required' : 'optional'
    const description = schema.description ?? ''
    return [`| \`${field}\` | ${typeText(schema)} | ${need} | ${description} |`, ...innerRows(schema, field)]
  })
}

function innerRows(schema: Schema, field: string): string[] {
  if (schema.title !== undefined) return []
  if (schema.properties !== undefined) return rowsOf(schema, `${field}.`)
  if (schema.items !== undefined) return innerRows(schema.items, `${field}[]`)
  return (schema.anyOf ?? []).flatMap((possible) => innerRows(possible, field))
}

function typeText(schema: Schema): string {
  const { title, type, anyOf, items, pattern, minimum, maximum } = schema
  if (title !== undefined) return `[${title}](#${title.replaceAll(' ', '-')})`
  if (schema.enum !== undefined) return values(schema.enum)
  if (schema.const !== undefined) return values([schema.const])
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeText))].join(' or ')
  if (items !== undefined) return `array of ${typeText(items)}`
  if (schema.patternProperties !== undefined) {
    return `object of ${Object.values(schema.patternProperties).map(typeText).join(' or ')}`
  }
  if (pattern === TIME_PATTERN) return 'time'
  if (type === 'string') return stringText(schema)
  if (type === 'integer' || type === 'number') {
    if (minimum === undefined) return type
    return maximum === undefined ? `${type} from ${minimum}` : `${type} from ${minimum} to ${maximum}`
  }
  return type ?? 'any JSON'
}

function stringText({ pattern, minLength = 0, maxLength }: Schema): string {
  const kind = pattern === NAME_PATTERN ? 'name' : 'string'
  if (maxLength === undefined) return kind
  return minLength === 0
    ? `${kind} of up to ${maxLength} characters`
    : `${kind} of ${minLength} to ${maxLength} characters`
}

function values(list: readonly string[]): string {
  return list.map((value) => `\`"${value}"\``).join(', ')
}

function errorList(codes: readonly ErrorCode[]): string {
  return `${codes.map((code) => `\`${code}\``).join(', ')}.`
}
