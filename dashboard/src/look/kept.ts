/** What the browser remembers of somebody's choices. Where it may not (private windows), the choice lasts as long as the page. */

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(`chasqui.${name}`)
  } catch {
    return null
  }
}

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`chasqui.${name}`, value)
  } catch {
    // Not allowed here: nothing depends on it.
  }
}
