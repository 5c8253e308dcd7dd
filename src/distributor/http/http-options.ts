/** What the HTTP face of a distributor is given: by composition (HttpOptions), and by itself to its parts (AppOptions). */

import type { Networks } from '../../wire/networks.ts'
import type { ServerTls } from '../../wire/tls-policy.ts'
import type { NeededRight } from '../command.ts'
import type { Grounds } from '../grounds.ts'
import type { Door } from './door.ts'
import type { Streams } from './events/streams.ts'
import type { Guests } from './guests.ts'
import type { BrowserSessions } from './sessions.ts'
import type { Visit } from './visit.ts'

export interface HttpOptions {
  /** Of the distributor whose face it is. */
  readonly grounds: Grounds
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Absent: plain HTTP. */
  readonly tls?: ServerTls
  /** Only this machine is served and nobody is asked who he is: then names of other machines are refused. */
  readonly guardsHost: boolean
  /** Pages of other origins that may talk to it. */
  readonly origins?: readonly string[]
  /** Balancers whose `X-Forwarded-For` is believed. */
  readonly proxies?: Networks | null
  /** What `GET /metrics` answers. Absent: there is none. */
  readonly metrics?: MetricsSource
  /** Where the built page is, if it was built. */
  readonly page?: string | null
}

export interface MetricsSource {
  readonly right: NeededRight
  readonly contentType: string
  read(): Promise<string>
}

export interface AppOptions extends HttpOptions {
  readonly guests: Guests
  readonly streams: Streams
  readonly sessions: BrowserSessions
  readonly door: Door
  /** Requests under way. */
  readonly visits: Set<Visit>
  readonly isClosing: () => boolean
}
