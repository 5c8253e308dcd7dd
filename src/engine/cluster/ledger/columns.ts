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

/**
 * In SQL, from the JSON of options: on whose account a task is, and with how many bytes (TaskOptions.owned). No text within the options can look like this: their
 * quotes are escaped, and values that clients name are texts and not lists.
 */
export function ownedOf(options: string): string {
  const part = (pattern: string) =>
    `case when strpos(${options}, '"owned":[') > 0 then substring(${options} from '"owned":\\["${pattern}\\]') end`
  return `${part('([^"]+)",[0-9]+')}, ${part('[^"]+",([0-9]+)')}::bigint`
}
