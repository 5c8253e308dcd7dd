/**
 * The log of a program: events of the one table (events.ts), as JSON lines for machines or as plain lines for a terminal:
 *
 *   2026-11-23T10:00:00.123Z 4711 info  listening on 127.0.0.1:5000, tasks held by embedded
 *
 * Invariants: a log never throws into its caller; its level can be changed while it runs, also by those who hold it already.
 */

import { pino, stdTimeFunctions } from 'pino'
import { fillIn, LOG_EVENTS, type LogEventLevel, type LogEventName, type LogFields } from './events.ts'

export type LogThreshold = LogEventLevel | 'silent'

export interface Log {
  /** Fields must be JSON-safe; an `error` field may be an Error and is written with its stack and causes. */
  event(name: LogEventName, fields?: LogFields): void
  level: LogThreshold
}

export interface LogOptions {
  readonly level?: LogThreshold
  /** `text`: plain lines for people. `auto`, the default: text where `out` is a terminal. */
  readonly format?: 'auto' | 'text' | 'json'
  /** Default: the standard error of the process. */
  readonly out?: { write(text: string): unknown; readonly isTTY?: boolean }
}

export function openLog({ level = 'info', format = 'auto', out = process.stderr }: LogOptions = {}): Log {
  const plain = format === 'text' || (format === 'auto' && out.isTTY === true)
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    { write: (line) => void out.write(plain ? plainLine(line) : line) },
  )
  return {
    event(name, fields = {}) {
      const { level: eventLevel, text } = LOG_EVENTS[name]
      if (logger.isLevelEnabled(eventLevel))
        logger[eventLevel]({ event: name, ...fields }, fillIn(text, fields))
    },
    get level() {
      return logger.level as LogThreshold
    },
    set level(threshold) {
      logger.level = threshold
    },
  }
}

interface JsonLine {
  readonly time: string
  readonly pid: number
  readonly level: string
  readonly msg: string
  readonly error?: { readonly stack?: string; readonly message?: string }
}

function plainLine(line: string): string {
  const { time, pid, level, msg, error } = JSON.parse(line) as JsonLine
  const trace = error === undefined ? '' : `\n${(error.stack ?? error.message ?? '').replace(/^/gm, '    ')}`
  // A peer's own words are part of some lines: they must not be able to move the cursor or forge a line.
  const text = msg.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
  return `${time} ${pid} ${level.padEnd(5)} ${text}${trace}\n`
}
