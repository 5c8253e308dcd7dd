/** News of tasks: events of a watch and log lines, port ↔ wire. */

import type { LogLine, TaskEvent } from '../engine/engine.ts'
import { readProgress, writeProgress } from './record-codec.ts'
import { writeTime } from './time-codec.ts'

// ---- the server's side ------------------------------------------------------------------------------------

/** Params of `task.event`. */
export function writeEvent(watch: string, event: TaskEvent): string {
  return `{"watch":"${watch}",${membersOf(event)}}`
}

/** The same without the name of a watch, for who hears on a channel of its own. */
export function writeNews(event: TaskEvent): string {
  return `{${membersOf(event)}}`
}

function membersOf(event: TaskEvent): string {
  const { atMs, id, type, queue, state, attempt, progress, lines, dropped } = event
  let text = `"at":"${writeTime(atMs)}","id":${JSON.stringify(id)},"type":${JSON.stringify(type)}`
  text += `,"queue":${JSON.stringify(queue)},"state":"${state}","attempt":${attempt}`
  if (progress !== undefined) text += `,"progress":${writeProgress(progress)}`
  if (lines !== undefined) text += `,"lines":${JSON.stringify(lines.map(lineShape))}`
  if (dropped !== undefined && dropped > 0) text += `,"dropped":${dropped}`
  return text
}

/** Result of `task.log`. */
export function writeLogLines(lines: readonly LogLine[]): string {
  return JSON.stringify({ lines: lines.map(lineShape) })
}

function lineShape({ number, atMs, attempt, level, text }: LogLine) {
  return { number, at: writeTime(atMs), attempt, level, text }
}

// ---- the client's side ------------------------------------------------------------------------------------

/** Params of `task.event`. */
export function readEvent(params: unknown): { watch: string; event: TaskEvent } {
  const { watch, at, progress, lines, ...same } = params as {
    watch: string
    at: string
    progress?: unknown
    lines?: unknown[]
  } & Omit<TaskEvent, 'atMs' | 'progress' | 'lines'>
  return {
    watch,
    event: {
      ...same,
      atMs: Date.parse(at),
      ...(progress === undefined ? {} : { progress: readProgress(progress) }),
      ...(lines === undefined ? {} : { lines: lines.map(readLogLine) }),
    },
  }
}

/** Result of `task.log`. */
export function readLogLines(result: unknown): LogLine[] {
  return (result as { lines: unknown[] }).lines.map(readLogLine)
}

function readLogLine(wire: unknown): LogLine {
  const { at, ...same } = wire as { at: string } & Omit<LogLine, 'atMs'>
  return { ...same, atMs: Date.parse(at) }
}
