/** Values that a JSON schema describes, and now and then ones that it does not: for tests that drive an API from its own document. */

import fc, { type Arbitrary } from 'fast-check'

/** As far as our own documents use it. */
export interface JsonSchema {
  readonly $ref?: string
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly minItems?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
}

/** Long lists and texts find nothing that short ones do not. */
const ITEMS_MAX = 4
const LENGTH_MAX = 40
const TIME = '2026-11-24T03:01:02.587Z'

/** With all references in their place: our shapes do not contain themselves. */
export function resolved(schema: JsonSchema, components: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value !== 'object' || value === null) return value
    const { $ref } = value as JsonSchema
    if ($ref !== undefined) return walk(components[$ref.split('/').at(-1)!])
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, walk(entry)]))
  }
  return walk(schema) as JsonSchema
}

/** One time in twenty something else comes instead. */
export function valuesOf(schema: JsonSchema): Arbitrary<unknown> {
  return fc.oneof({ weight: 19, arbitrary: fitting(schema) }, { weight: 1, arbitrary: odd })
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(-1, 0.5, 1e300, '', '\u0000', '\ud800', 'x'.repeat(2_000), [], {}, null),
)

function fitting(schema: JsonSchema): Arbitrary<unknown> {
  const { anyOf, type, items = {}, minItems = 0 } = schema
  if (schema.const !== undefined) return fc.constant(schema.const)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (anyOf !== undefined) return fc.oneof(...anyOf.map(valuesOf))
  switch (type) {
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1_000, max: Math.min(schema.maximum ?? 1_000, 2 ** 40) })
    case 'number':
      return fc.double({ noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return texts(schema)
    case 'array':
      return fc.array(valuesOf(items), { minLength: minItems, maxLength: Math.max(minItems, ITEMS_MAX) })
    case 'object':
      return objects(schema)
    default:
      return fc.jsonValue({ maxDepth: 3 })
  }
}

function texts({ pattern, minLength = 0, maxLength = LENGTH_MAX }: JsonSchema): Arbitrary<string> {
  if (pattern?.includes('T') === true) return fc.constantFrom(TIME, '2099-01-01T00:00:00Z')
  const names = fc.constantFrom('t0', 't1', 't2', 'x', 'default', 'sumar', 'a/b', 'ñ%', '..')
  const any = fc.string({
    unit: 'grapheme',
    minLength,
    maxLength: Math.max(minLength, Math.min(maxLength, LENGTH_MAX)),
  })
  return fc.oneof({ weight: 3, arbitrary: names }, { weight: 1, arbitrary: any })
}

function objects({ properties = {}, patternProperties, required = [] }: JsonSchema): Arbitrary<object> {
  const [entries] = Object.values(patternProperties ?? {})
  if (entries !== undefined)
    return fc.dictionary(fc.string({ maxLength: 8 }), valuesOf(entries), { maxKeys: 3 })
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valuesOf(schema)]),
  )
  // Few of the optional ones at a time: many of them together mostly contradict each other.
  const optional = Object.keys(fields).filter((name) => !required.includes(name))
  const few = fc
    .subarray(optional, { maxLength: Math.min(2, optional.length) })
    .chain((names) => fc.record(picked(fields, [...required, ...names])))
  return fc.oneof(
    { weight: 4, arbitrary: few },
    { weight: 1, arbitrary: fc.record(fields, { requiredKeys: [...required] }) },
  )
}

function picked<Value>(
  from: Readonly<Record<string, Value>>,
  names: readonly string[],
): Record<string, Value> {
  return Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]!]] : [])))
}
