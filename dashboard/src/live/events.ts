/**
 * Events for the screen that is shown: one stream at a time, sampled, handed over a few times a second.
 *
 * One, because a browser opens six connections to a server at most, over all its tabs; and none while the page is hidden.
 */

import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { access } from '../api/door.ts'
import { type EventQuery, openEvents } from '../api/events.ts'
import { createSampler, type Sample } from './sample.ts'

/** As often as an eye can follow numbers. */
const SHOW_MS = 250
/** More than any screen shows at once. */
const SHOWN_EVENTS_MAX = 500

/** Whether the stream is open; the frame shows it. */
export const stream = signal<'off' | 'opening' | 'open'>('off')
/** Share of the events of the last second that is shown; 1: all of them. */
export const shownShare = signal(1)

export interface Listener {
  onSample(sample: Sample): void
  /** Events were lost, or may have been: look at the truth again. */
  onGap(): void
}

/** @param query null: no stream */
export function useEvents(query: EventQuery | null, listener: Listener): void {
  const heard = useRef(listener)
  heard.current = listener
  const asked = query === null ? '' : JSON.stringify(query)
  useEffect(() => {
    if (asked === '') return
    return followVisibly(JSON.parse(asked) as EventQuery, heard)
  }, [asked])
}

function followVisibly(query: EventQuery, heard: { readonly current: Listener }): () => void {
  let stop: (() => void) | null = null
  let wasOpen = false
  const adapt = () => {
    const isWanted = document.visibilityState === 'visible' && access.value === 'open'
    if (isWanted && stop === null) {
      // What happened while it was shut is not told.
      if (wasOpen) heard.current.onGap()
      wasOpen = true
      stop = follow(query, heard)
    } else if (!isWanted && stop !== null) {
      stop()
      stop = null
    }
  }
  document.addEventListener('visibilitychange', adapt)
  const stopAccess = access.subscribe(adapt)
  adapt()
  return () => {
    document.removeEventListener('visibilitychange', adapt)
    stopAccess()
    stop?.()
  }
}

function follow(query: EventQuery, heard: { readonly current: Listener }): () => void {
  const sampler = createSampler(SHOWN_EVENTS_MAX)
  stream.value = 'opening'
  const source = openEvents(query, {
    onEvent: sampler.add,
    onDropped: sampler.addSkipped,
    onOpen: () => {
      stream.value = 'open'
    },
    onGap: () => heard.current.onGap(),
    onBreak: () => {
      stream.value = 'opening'
    },
  })
  const timer = setInterval(() => {
    const sample = sampler.take()
    shownShare.value = sample === null ? 1 : 1 - sample.skipped / sample.total
    if (sample !== null) heard.current.onSample(sample)
  }, SHOW_MS)
  return () => {
    clearInterval(timer)
    source.close()
    stream.value = 'off'
  }
}
