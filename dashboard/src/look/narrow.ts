/** Whether the page is as narrow as a phone: where rows have two lines. The style sheets draw the same border. */

import { signal } from '@preact/signals'

const query = matchMedia('(max-width: 760px)')
export const isNarrow = signal(query.matches)
query.addEventListener('change', () => {
  isNarrow.value = query.matches
})
