/**
 * All listeners of `/v1/events`. They have their turn together, after the tasks: ten times a second at most, and more seldom where a turn takes long, so that
 * however many listen, and however much happens, they take a bounded share of the loop.
 *
 * A feed outlives its last stream for a while: a browser that was cut off finds it again and goes on where it was.
 *
 * Invariants: a stream never slows another one, or a task; who may not read any more hears nothing more; the number of feeds and streams is bounded.
 */

import type { ServerResponse } from 'node:http'
import type { WatchQuery } from '../../../engine/engine.ts'
import type { Clock, Timer } from '../../../task/clock.ts'
import { ChasquiError } from '../../../task/errors.ts'
import {
  EVENT_BEAT_MS,
  EVENT_FEED_IDS_MAX,
  EVENT_FEED_LINGER_MS,
  EVENT_FEEDS_MAX,
  EVENT_STREAMS_A_SLICE,
  EVENT_STREAMS_MAX,
  EVENT_TURN_MS,
  EVENT_TURN_SHARE,
} from '../../../task/limits.ts'
import { mayAlways } from '../../access/rights.ts'
import type { Visit } from '../visit.ts'
import { Feed } from './feed.ts'
import { Stream } from './stream.ts'

interface OpenFeed {
  readonly feed: Feed
  readonly streams: Set<Stream>
  readonly opened: Promise<void>
  readonly ids: number
  /** Runs while nobody listens. */
  linger: Timer | null
}

export interface ListenRequest {
  readonly visit: Visit
  readonly query: WatchQuery
  readonly lastEventId: string | undefined
  /** Called when all is well; the head of the response must be written. */
  readonly begin: () => ServerResponse
}

export class Streams {
  readonly #clock: Clock
  readonly #feeds = new Map<string, OpenFeed>()
  readonly #streams = new Set<Stream>()
  #turn: Timer | null = null
  #nextTurnAtMs = 0
  #beat: Timer | null = null
  #ended = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    return this.#streams.size
  }

  /** Throws TOO_MANY_SUBSCRIPTIONS, or what the engine says. */
  async listen({ visit, query, lastEventId, begin }: ListenRequest): Promise<void> {
    if (this.#streams.size >= EVENT_STREAMS_MAX) {
      throw new ChasquiError(
        'TOO_MANY_SUBSCRIPTIONS',
        `${EVENT_STREAMS_MAX} listen, which is all there may be`,
      )
    }
    const key = keyOf(visit, query)
    const open = this.#feeds.get(key) ?? this.#openFeed(key, visit, query)
    await open.opened
    if (this.#ended || this.#feeds.get(key) !== open) throw stopping()
    const response = begin()
    const stream = new Stream({ feed: open.feed, visit, response, lastEventId })
    open.linger?.cancel()
    open.linger = null
    open.streams.add(stream)
    this.#streams.add(stream)
    response.once('close', () => this.#leave(key, open, stream))
    // It reads again.
    response.on('drain', () => this.#planTurn())
    this.#planBeat()
    if (stream.isDue) this.#planTurn()
  }

  /** Holds all streams against the tokens as they are now. */
  recheck(): void {
    for (const stream of this.#streams)
      if (!stream.visit.holds) stream.end('the token was revoked or has expired')
  }

  async close(): Promise<void> {
    this.#ended = true
    this.#turn?.cancel()
    this.#beat?.cancel()
    for (const stream of this.#streams) stream.end('the server is stopping')
    const feeds = [...this.#feeds.values()]
    this.#feeds.clear()
    await Promise.allSettled(
      feeds.map(async ({ feed, linger, opened }) => {
        linger?.cancel()
        await opened
        await feed.watch?.close()
      }),
    )
  }

  #openFeed(key: string, visit: Visit, query: WatchQuery): OpenFeed {
    const ids = query.ids?.length ?? 0
    this.#makeRoom(ids)
    const feed = new Feed()
    const watching = visit.engine.watch(query, (events) => {
      feed.push(events)
      this.#planTurn()
    })
    const opened = watching.then(async (watch) => {
      feed.watch = watch
      if (this.#ended) await watch.close()
    })
    const open: OpenFeed = { feed, streams: new Set(), opened, ids, linger: null }
    this.#feeds.set(key, open)
    opened.then(
      () => this.#linger(key, open),
      () => this.#feeds.delete(key),
    )
    return open
  }

  /** Feeds by id are found by id and cost next to nothing; the others look at each event. */
  #makeRoom(ids: number): void {
    let feeds = 1
    let named = ids
    for (const [key, open] of this.#feeds) {
      if (open.ids > 0 !== ids > 0) continue
      // Nobody listens to it: it is kept only in case somebody comes back.
      if (open.linger !== null) this.#drop(key, open)
      else {
        feeds++
        named += open.ids
      }
    }
    if (ids > 0 ? named > EVENT_FEED_IDS_MAX : feeds > EVENT_FEEDS_MAX) {
      throw new ChasquiError('TOO_MANY_SUBSCRIPTIONS', 'others listen to too many different things already')
    }
  }

  #leave(key: string, open: OpenFeed, stream: Stream): void {
    this.#streams.delete(stream)
    open.streams.delete(stream)
    if (this.#streams.size === 0) {
      this.#beat?.cancel()
      this.#beat = null
    }
    this.#linger(key, open)
  }

  #linger(key: string, open: OpenFeed): void {
    if (open.streams.size > 0 || open.linger !== null || this.#feeds.get(key) !== open) return
    open.linger = this.#clock.at(this.#clock.nowMs() + EVENT_FEED_LINGER_MS, () => this.#drop(key, open))
  }

  #drop(key: string, open: OpenFeed): void {
    open.linger?.cancel()
    this.#feeds.delete(key)
    void open.feed.watch?.close()
  }

  #planTurn(): void {
    if (this.#turn !== null || this.#ended || this.#streams.size === 0) return
    const nowMs = this.#clock.nowMs()
    this.#turn = this.#clock.at(Math.max(nowMs + 1, this.#nextTurnAtMs), () =>
      this.#take([...this.#streams], 0),
    )
  }

  /** A slice at a time, so that the tasks have theirs in between. */
  #take(streams: readonly Stream[], spentMs: number): void {
    if (this.#ended) return
    const begunMs = performance.now()
    const texts = new Map<string, string>()
    for (const stream of streams.slice(0, EVENT_STREAMS_A_SLICE)) stream.advance(texts)
    const tookMs = spentMs + performance.now() - begunMs
    const rest = streams.slice(EVENT_STREAMS_A_SLICE)
    if (rest.length > 0) {
      setImmediate(() => this.#take(rest, tookMs))
      return
    }
    this.#turn = null
    this.#nextTurnAtMs = this.#clock.nowMs() + Math.max(EVENT_TURN_MS, tookMs / EVENT_TURN_SHARE)
    for (const stream of this.#streams) {
      if (!stream.isDue) continue
      this.#planTurn()
      return
    }
  }

  #planBeat(): void {
    this.#beat ??= this.#clock.at(this.#clock.nowMs() + EVENT_BEAT_MS, () => {
      this.#beat = null
      for (const stream of this.#streams) stream.beat()
      if (this.#streams.size > 0) this.#planBeat()
    })
  }
}

/** Who sees the same asks the same engine: those who may read everything share their feeds. */
function keyOf({ identity }: Visit, query: WatchQuery): string {
  const eyes = mayAlways(identity, 'read')
    ? ''
    : JSON.stringify([identity.kind, identity.id, identity.grants])
  return `${eyes} ${JSON.stringify(query)}`
}

function stopping(): ChasquiError {
  return new ChasquiError('SHUTTING_DOWN', 'the server is stopping')
}
