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
  // ---- every role
  'log.level': { level: 'info', text: 'the log shows {level} and what is worse, until the next SIGUSR2' },
  'traces.on': { level: 'info', text: 'traces go to {receiver}, sampled by {sampler}' },
  'traces.trouble': { level: 'warn', text: 'traces: {reason}' },

  // ---- distributor
  'distributor.listening': { level: 'info', text: 'listening on {address}, tasks held by {engine}' },
  'cron.declared': {
    level: 'info',
    text: 'schedules of the configuration file: {put} new or changed, {deleted} taken away',
  },
  'distributor.bad-proxy-header': { level: 'warn', text: 'refused the balancer {balancer}: {reason}' },
  'distributor.not-ready': {
    level: 'info',
    text: 'about to stop: balancers that ask are told so; {connections} connections are open',
  },
  'distributor.certificate': {
    level: 'info',
    text: 'TLS with the certificate for {names}, valid until {until}; client certificates: {clients}',
  },
  'distributor.certificate-ends': {
    level: 'warn',
    text: 'the certificate for {names} is valid until {until} only: renew it',
  },
  'distributor.kept': { level: 'error', text: '{what} cannot be used, what was in use stays: {reason}' },
  'distributor.turned-away': {
    level: 'debug',
    text: 'turned {peer} away before it could say anything: {reason}',
  },
  'distributor.tokens': { level: 'info', text: 'the tokens file was read again: {tokens} tokens' },
  'audit.waits': { level: 'warn', text: 'the audit log waits for its table: {reason}' },
  'audit.lost': { level: 'error', text: 'the audit log cannot be written: {reason}' },
  'distributor.closing': { level: 'info', text: 'closing: {inFlight} requests are being answered' },
  'distributor.closed': { level: 'info', text: 'closed' },
  'distributor.accept-failed': { level: 'error', text: 'a connection could not be accepted: {reason}' },
  'distributor.full': { level: 'warn', text: 'refused {peer}: {connections} connections are open' },
  'http.listening': { level: 'info', text: 'HTTP on {address}' },
  'http.bad-request': { level: 'debug', text: '{peer} sent what is no HTTP request: {reason}' },
  'webhook.failed': { level: 'warn', text: 'the webhook of task {task} (attempt {attempt}): {reason}' },
  'webhook.not-recorded': { level: 'error', text: 'the call {call} could not be recorded: {reason}' },
  'engine.trouble': { level: 'error', text: 'trouble with the store ({trouble}): {reason}' },
  'session.opened': { level: 'debug', text: '{session} opened by {peer}' },
  'session.hello': { level: 'debug', text: '{session} is {client}' },
  'session.closed': { level: 'debug', text: '{session} closed: {reason}' },
  'session.cut-off': { level: 'warn', text: '{session} from {peer} closed: {code}: {reason}' },
  'session.silent': {
    level: 'warn',
    text: '{session} from {peer} closed: its leases lapsed, and nothing was heard of it for {silentMs} ms',
  },
  'session.bad-message': { level: 'debug', text: '{session} sent a bad message: {code}: {reason}' },
  'session.bug': { level: 'error', text: '{session}: {method} failed unexpectedly: {reason}' },
  'consumer.started': {
    level: 'info',
    text: 'worker {worker} (pid {workerPid} on {host}) takes tasks from {queues}',
  },
  'consumer.stopped': {
    level: 'info',
    text: 'worker {worker} (pid {workerPid} on {host}) takes no more tasks',
  },
  'consumer.lost': { level: 'warn', text: 'worker {worker} (pid {workerPid} on {host}) is gone' },
  'consumer.failed': { level: 'error', text: 'deliveries to worker {worker} ended: {reason}' },

  // ---- worker: events of single tasks are written while there are few of them (src/worker/task-lines.ts)
  'worker.ready': { level: 'info', text: 'takes {types} from {queues}: {slots} slots on {threads} threads' },
  'worker.http': { level: 'info', text: 'answers /healthz, /readyz and /metrics on http://{address}' },
  'worker.succeeded': {
    level: 'info',
    text: 'task {id} {type} attempt {attempt} succeeded in {runMs} ms on thread {thread}',
  },
  'worker.threw': {
    level: 'warn',
    text: 'task {id} {type} attempt {attempt} threw after {runMs} ms on thread {thread}: {reason}',
  },
  'worker.timed-out': {
    level: 'warn',
    text: 'task {id} {type} attempt {attempt} was stopped after {runMs} ms on thread {thread}: {reason}',
  },
  'worker.crashed': {
    level: 'warn',
    text: 'task {id} {type} attempt {attempt} took thread {thread} down after {runMs} ms: {reason}',
  },
  'worker.released': { level: 'info', text: 'task {id} {type} attempt {attempt} given back' },
  'worker.summary': {
    level: 'info',
    text: '{ended} attempts ended in a second, {succeeded} of them succeeded; {meanRunMs} ms on average',
  },
  'worker.thread-ended': {
    level: 'warn',
    text: 'thread {thread} ended and is replaced in {delayMs} ms: {reason}',
  },
  'worker.cut-off': { level: 'warn', text: 'no tasks come any more, trying again: {reason}' },
  'worker.resumed': { level: 'info', text: 'takes tasks again' },
  'worker.overtaken': {
    level: 'warn',
    text: 'task {id} attempt {attempt} had been taken from this worker when it ended; the task is {state} now',
  },
  'worker.outcome-refused': { level: 'error', text: 'the outcome of task {id} was refused: {reason}' },
  'worker.outcome-lost': { level: 'error', text: 'the outcome of task {id} was not recorded: {reason}' },
  'worker.outcomes-left': { level: 'warn', text: '{count} outcomes could not be recorded before the end' },
  'worker.reports-lost': { level: 'warn', text: 'log lines of tasks were not recorded: {reason}' },
  'worker.lines-dropped': {
    level: 'warn',
    text: '{count} log lines of tasks were dropped: the engine does not answer',
  },
  'worker.draining': { level: 'info', text: 'takes no more tasks; {running} attempts are running' },
  'worker.ended': { level: 'info', text: 'ended: {reason}' },

  // ---- up
  'up.worker-started': { level: 'debug', text: 'worker process {worker} started' },
  'up.worker-stopped': { level: 'debug', text: 'worker process {worker} ended: {why}' },
  'up.worker-died': {
    level: 'warn',
    text: 'worker process {worker} died ({why}); another one is started in {restartMs} ms',
  },
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
