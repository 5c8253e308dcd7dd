/**
 * How long tasks wait and run, live: some of those that just ended are looked up, the events only say which.
 *
 * Invariant: at most `LOOKED_UP_MAX` records each `LOOK_MS`, however many end.
 */

import { useEffect, useState } from 'preact/hooks'
import { getTasks } from '../api/tasks.ts'
import { useEvents } from './events.ts'
import { type Latency, latencyOf } from './latency.ts'
import { POINTS_MAX } from './rates.ts'

const LOOK_MS = 2_000
const LOOKED_UP_MAX = 60
const ENDED = { states: ['succeeded', 'failed'] }

export function useLatency(): readonly Latency[] {
  const [seen, setSeen] = useState<readonly Latency[]>([])
  const [ended] = useState(() => new Set<string>())
  useEvents(ENDED, {
    onSample: ({ events }) => {
      for (const { id } of events) if (ended.size < LOOKED_UP_MAX) ended.add(id)
    },
    onGap: () => {},
  })
  useEffect(() => {
    const timer = setInterval(() => {
      if (ended.size === 0) return
      const ids = [...ended]
      ended.clear()
      getTasks(ids)
        .then((records) => {
          const latency = latencyOf(
            records.filter((record) => record !== null),
            Date.now(),
          )
          if (latency !== null) setSeen((before) => [...before.slice(-(POINTS_MAX - 1)), latency])
        })
        // The frame says when the server is away; the next look tries again.
        .catch(() => {})
    }, LOOK_MS)
    return () => clearInterval(timer)
  }, [ended])
  return seen
}
