/**
 * What the part of the address behind `#` says: a screen, perhaps the id of a task, and filters. Pure, both ways.
 *
 * Behind `#`, so that the server needs to know one page only and the page works under any path.
 */

export const SCREENS = ['overview', 'tasks', 'task', 'dead', 'workers', 'queues', 'submit'] as const
export type Screen = (typeof SCREENS)[number]

export interface Address {
  readonly screen: Screen
  /** Of the task that is shown; '' elsewhere. */
  readonly id: string
  readonly filters: Readonly<Record<string, string>>
}

export function readAddress(hash: string): Address {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [first = '', ...rest] = path.split('/')
  const filters = Object.fromEntries(new URLSearchParams(query))
  if (first === 'tasks' && rest.length > 0 && rest[0] !== '') {
    return { screen: 'task', id: decoded(rest.join('/')), filters }
  }
  const screen = SCREENS.find((name) => name === first && name !== 'task') ?? 'overview'
  return { screen, id: '', filters }
}

export function writeAddress(screen: Screen, { id = '', filters = {} }: Partial<Address> = {}): string {
  const path = screen === 'task' ? `tasks/${encodeURIComponent(id)}` : screen
  const said = Object.entries(filters).filter(([, value]) => value !== '')
  const query = said.length === 0 ? '' : `?${new URLSearchParams(said)}`
  return `#/${path}${query}`
}

/** An id that somebody typed may hold a lonely `%`. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
