/**
 * Many values as one parameter: numbers as a PostgreSQL array literal, texts joined by a character that the server splits them at. Half the
 * time of what a client library makes of arrays (docs/decisions/0016).
 *
 * The separator is U+001E, which JSON text never holds raw, nor do ids and names that came through the door.
 */

export const SEPARATOR = '\u001e'

/** In SQL: `string_to_array($1, ${SPLIT})`. */
export const SPLIT = "E'\\x1e'"

export function numbers(values: readonly number[]): string {
  return `{${values.join()}}`
}

export function texts(values: readonly string[]): string {
  return values.join(SEPARATOR)
}

/** An id that could not be told from two: no such task exists, for the door lets none in. */
export function isPlain(text: string): boolean {
  return !text.includes(SEPARATOR) && !text.includes('\0')
}
