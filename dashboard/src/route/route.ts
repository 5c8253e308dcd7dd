/** Where the page is: the address of the browser as a signal. Going somewhere changes the address, and nothing else. */

import { signal } from '@preact/signals'
import { type Address, readAddress, type Screen, writeAddress } from './address.ts'

export const route = signal<Address>(readAddress(location.hash))

export function followRoute(): void {
  addEventListener('hashchange', () => {
    route.value = readAddress(location.hash)
  })
}

export function go(screen: Screen, where: Partial<Address> = {}): void {
  location.hash = writeAddress(screen, where)
}

/** Filters change what is shown, not where one is: the way back is not filled with every letter that was typed. */
export function setFilters(filters: Readonly<Record<string, string>>): void {
  const { screen, id } = route.value
  history.replaceState(null, '', writeAddress(screen, { id, filters }))
  route.value = readAddress(location.hash)
}
