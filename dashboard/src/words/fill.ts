/** From an entry of the table to what is read. Pure. */

export const LANGUAGES = ['en', 'es'] as const
export type Language = (typeof LANGUAGES)[number]

/** One thing ` || ` several things, where the blank `{count}` decides. */
export type Message = Readonly<Record<Language, string>>

export function fill(
  message: Message,
  language: Language,
  blanks: Readonly<Record<string, string | number>>,
): string {
  const [one = '', several = one] = message[language].split(' || ')
  const text = blanks.count === 1 || blanks.count === '1' ? one : several
  return text.replaceAll(/\{(\w+)\}/g, (blank, name: string) => {
    const value = blanks[name]
    if (value === undefined) return blank
    return typeof value === 'number'
      ? new Intl.NumberFormat(language, { useGrouping: 'always' }).format(value)
      : value
  })
}
