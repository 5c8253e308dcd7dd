/** Schemas of the wire as parts of a document: those with a title are described once, under that name. */

import type { TSchema } from 'typebox'

export class Shapes {
  readonly #named = new Map<string, object>()

  /** The schema as it stands in the document: plain JSON, with references. */
  take(schema: TSchema): object {
    // What the library keeps beside the schema is for itself.
    return this.#walk(JSON.parse(JSON.stringify(schema))) as object
  }

  all(): Record<string, object> {
    return Object.fromEntries(this.#named)
  }

  #walk(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((entry) => this.#walk(entry))
    if (typeof value !== 'object' || value === null) return value
    const { title } = value as { readonly title?: unknown }
    const walked = Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, this.#walk(entry)]))
    if (typeof title !== 'string') return walked
    const name = title.replaceAll(/(?:^|[^a-z])([a-z])/g, (_, letter: string) => letter.toUpperCase())
    this.#named.set(name, walked)
    return { $ref: `#/components/schemas/${name}` }
  }
}
