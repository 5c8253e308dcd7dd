/**
 * The one table of what Chasqui's programs log: name → level and text. `{field}` in a text is filled in from the fields of the event.
 *
 * Names are `who.what`. Everything that happens once a task, or that a stranger can cause as often as he likes, is `debug`.
 */

export type LogEventLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogEvent {
  readonly level: LogEventLevel
  readonly text: string
}

export const LOG_EVENTS = {
  // ---- distributor
  'distributor.listening': { level: 'info', text: 'listening on {address}, tasks held by {engine}' },
  'distributor.closing': { level: 'info', text: 'closing: {inFlight} requests are being answered' },
  'distributor.closed': { level: 'info', text: 'closed' },
  'distributor.accept-failed': { level: 'error', text: 'a connection could not be accepted: {reason}' },
  'distributor.full': { level: 'warn', text: 'refused {peer}: {connections} connections are open' },
  'session.opened': { level: 'debug', text: '{session} opened by {peer}' },
  'session.hello': { level: 'debug', text: '{session} is {client}' },
  'session.closed': { level: 'debug', text: '{session} closed: {reason}' },
  'session.cut-off': { level: 'warn', text: '{session} from {peer} closed: {code}: {reason}' },
  'session.bad-message': { level: 'debug', text: '{session} sent a bad message: {code}: {reason}' },
  'session.bug': { level: 'error', text: '{session}: {method} failed unexpectedly: {reason}' },
  'consumer.started': {
    level: 'info',
    text: 'worker {worker} (pid {pid} on {host}) takes tasks from {queues}',
  },
  'consumer.stopped': { level: 'info', text: 'worker {worker} (pid {pid} on {host}) takes no more tasks' },
  'consumer.lost': { level: 'warn', text: 'worker {worker} (pid {pid} on {host}) is gone' },
  'consumer.failed': { level: 'error', text: 'deliveries to worker {worker} ended: {reason}' },
} as const satisfies Record<string, LogEvent>

export type LogEventName = keyof typeof LOG_EVENTS

export type LogFields = Readonly<Record<string, unknown>>

/** `{field}` filled in; a field that is missing stays as it is written, for someone to notice. */
export function fillIn(text: string, fields: LogFields): string {
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => {
    const value = fields[name]
    if (value === undefined) return placeholder
    return Array.isArray(value) ? value.join(', ') : String(value)
  })
}
