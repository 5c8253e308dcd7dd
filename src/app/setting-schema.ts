/**
 * The few forms that settings have, as JSON Schema with the TypeScript types that follow from it.
 *
 * By hand and not by the library that describes the wire: loading that took more than half of the start-up time of every command.
 */

/** Which part of the system a setting concerns; the sections of docs/settings.md. */
export const SETTING_GROUPS = {
  server: 'The distributor',
  http: 'HTTP',
  engine: 'The engine',
  access: 'Who may do what',
  tls: 'Encryption and certificates',
  wire: 'Limits of the wire',
  worker: 'Workers',
  client: 'Clients and commands',
  metrics: 'Metrics',
  log: 'Logs',
} as const

export type SettingGroup = keyof typeof SETTING_GROUPS

interface Meaning<Value> {
  readonly group: SettingGroup
  readonly description: string
  /** Absent: not set unless someone sets it. */
  readonly default?: Value
  /** Where the default depends on the machine. */
  readonly defaultText?: string
  /** It holds a password, or is one (`whole`): that is never shown, not where values are listed and not in errors. */
  readonly secret?: true | 'whole'
  /** Where the pattern alone would not tell a person. */
  readonly form?: string
}

interface IntegerForm {
  readonly type: 'integer'
  readonly minimum: number
  readonly maximum: number
}

interface TextForm {
  readonly type: 'string'
  readonly pattern: string
}

interface ChoiceForm {
  readonly type: 'string'
  readonly enum: readonly string[]
}

interface ListForm {
  readonly type: 'array'
  readonly minItems: number
  readonly items: { readonly type: 'string'; readonly minLength: 1; readonly maxLength: number }
}

declare const VALUE: unique symbol

/** @typeParam Value what the program gets; with undefined where there is no default */
export type SettingSchema<Value = unknown> = (IntegerForm | TextForm | ChoiceForm | ListForm) &
  Meaning<unknown> & { readonly [VALUE]?: Value }

export type ValueOf<Schema> = Schema extends SettingSchema<infer Value> ? Value : never

type With<Value, Given> = Given extends { readonly default: Value } ? Value : Value | undefined

export function integer<Given extends Omit<IntegerForm, 'type'> & Meaning<number>>(
  given: Given,
): SettingSchema<With<number, Given>> {
  return { type: 'integer', ...given }
}

export function text<Given extends Partial<Omit<TextForm, 'type'>> & Meaning<string>>(
  given: Given,
): SettingSchema<With<string, Given>> {
  return { type: 'string', pattern: '.', ...given }
}

export function choice<const Choice extends string>(
  choices: readonly Choice[],
  given: Meaning<NoInfer<Choice>> & { readonly default: NoInfer<Choice> },
): SettingSchema<Choice> {
  return { type: 'string', enum: choices, ...given }
}

export function list<
  Given extends { readonly lengthMax: number; readonly minItems?: number } & Meaning<readonly string[]>,
>(given: Given): SettingSchema<With<readonly string[], Given>> {
  const items = { type: 'string', minLength: 1, maxLength: given.lengthMax } as const
  return { type: 'array', minItems: 1, items, ...given }
}

export function fits(schema: SettingSchema, value: unknown): boolean {
  switch (schema.type) {
    case 'integer':
      return (
        Number.isInteger(value) && (value as number) >= schema.minimum && (value as number) <= schema.maximum
      )
    case 'array': {
      const { minItems, items } = schema
      const isEntry = (entry: unknown) =>
        typeof entry === 'string' && entry.length >= items.minLength && entry.length <= items.maxLength
      return Array.isArray(value) && value.length >= minItems && value.every(isEntry)
    }
    case 'string':
      if (typeof value !== 'string') return false
      return 'enum' in schema ? schema.enum.includes(value) : new RegExp(schema.pattern).test(value)
  }
}
