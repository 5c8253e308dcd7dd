/** The limits of one distributor: defaults from the one file of limits, changed by configuration and by tests. */

import {
  CONNECTIONS_MAX,
  CONSUMERS_MAX,
  FRAME_BYTES_MAX,
  HANDSHAKE_MS,
  HELLO_MS,
  INTAKE_BYTES_MAX,
  LEASE_MS,
  LINGER_MS,
  MESSAGE_STALL_MS,
  OUTBOX_BYTES_MAX,
  REQUESTS_IN_FLIGHT_MAX,
  SLOW_READER_MS,
  WAITS_MAX,
  WATCHES_MAX,
} from '../task/limits.ts'

export interface DistributorLimits {
  /** One message. */
  readonly frameBytesMax: number
  readonly connectionsMax: number
  /** From the accepted connection to the end of its TLS handshake. */
  readonly handshakeMs: number
  /** For a stranger to say who he is, where that is asked for. */
  readonly helloMs: number
  /** Of one connection, not answered yet; `task.wait` is counted apart. */
  readonly requestsInFlightMax: number
  /** Ids that one connection waits for. */
  readonly waitsMax: number
  /** Watches of one connection. */
  readonly watchesMax: number
  /** Consumers of one connection. */
  readonly consumersMax: number
  /** A message that was begun must be complete after this long. */
  readonly messageStallMs: number
  /** Of one connection, waiting to be read by the peer. */
  readonly outboxBytesMax: number
  /** A connection whose outbox stays over its limit for this long is closed. */
  readonly slowReaderMs: number
  /** Of all connections together: messages that were begun and are not complete. */
  readonly intakeBytesMax: number
  /** A connection that is closed with an error is read, and what is read thrown away, for this long, so that the peer gets the error. */
  readonly lingerMs: number
  /** What `work.consume` tells; the engine's own. */
  readonly leaseMs: number
}

export const DEFAULT_LIMITS: DistributorLimits = {
  frameBytesMax: FRAME_BYTES_MAX,
  connectionsMax: CONNECTIONS_MAX,
  handshakeMs: HANDSHAKE_MS,
  helloMs: HELLO_MS,
  requestsInFlightMax: REQUESTS_IN_FLIGHT_MAX,
  waitsMax: WAITS_MAX,
  watchesMax: WATCHES_MAX,
  consumersMax: CONSUMERS_MAX,
  messageStallMs: MESSAGE_STALL_MS,
  outboxBytesMax: OUTBOX_BYTES_MAX,
  slowReaderMs: SLOW_READER_MS,
  intakeBytesMax: INTAKE_BYTES_MAX,
  lingerMs: LINGER_MS,
  leaseMs: LEASE_MS,
}
