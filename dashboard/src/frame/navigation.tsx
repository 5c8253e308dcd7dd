/** The way to each screen: at the side where there is room, at the bottom of a phone. */

import { sumOf } from '../live/rates.ts'
import { stats } from '../live/stats.ts'
import { count } from '../look/figures.ts'
import { Icon, type IconName } from '../parts/icon.tsx'
import { type Screen, writeAddress } from '../route/address.ts'
import { route } from '../route/route.ts'
import { language, t } from '../words/words.ts'

const WAYS = [
  'overview',
  'tasks',
  'dead',
  'workers',
  'queues',
  'submit',
] as const satisfies readonly (Screen & IconName)[]

export function Navigation() {
  const { screen } = route.value
  const here = screen === 'task' ? 'tasks' : screen
  const dead = stats.value === null ? 0 : sumOf(stats.value.queues).failed
  return (
    <nav class="navigation" aria-label={t('nav.label')}>
      <a class="brand" href={writeAddress('overview')} aria-label="Chasqui">
        <img src="./icon.svg" alt="" width="26" height="26" />
        <span>Chasqui</span>
      </a>
      <ul>
        {WAYS.map((way) => (
          <li key={way}>
            <a href={writeAddress(way)} aria-current={way === here ? 'page' : undefined}>
              <Icon name={way} />
              <span class="way">{t(`nav.${way}`)}</span>
              {way === 'dead' && dead > 0 && <span class="pill">{count(dead, language.value)}</span>}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
