/** Why a task is not running: port ↔ wire. Times have other names there: `untilMs` is `until`. */

import type { Explanation, Reason } from '../task/explanation.ts'
import { writeTime } from './time-codec.ts'

const TIMES = { untilMs: 'until', atMs: 'at', sinceMs: 'since', leaseUntilMs: 'leaseUntil' } as const
const NAMES: ReadonlyMap<string, string> = new Map(Object.entries(TIMES).map(([own, wire]) => [wire, own]))

/** Result of `task.explain`. */
export function writeExplanation(explanation: Explanation | null): string {
  return JSON.stringify({ explanation: explanation === null ? null : explanationShape(explanation) })
}

export function explanationShape({ reasons, ...same }: Explanation): unknown {
  return { ...same, reasons: reasons.map(reasonShape) }
}

function reasonShape(reason: Reason): unknown {
  return Object.fromEntries(
    Object.entries(reason).map(([name, value]) =>
      name in TIMES
        ? [TIMES[name as keyof typeof TIMES], value === null ? null : writeTime(value as number)]
        : [name, value],
    ),
  )
}

// ---- the client's side ------------------------------------------------------------------------------------

/** Result of `task.explain`. */
export function readExplanation(result: unknown): Explanation | null {
  const { explanation } = result as {
    explanation: (Omit<Explanation, 'reasons'> & { reasons: object[] }) | null
  }
  return explanation === null ? null : { ...explanation, reasons: explanation.reasons.map(readReason) }
}

function readReason(wire: object): Reason {
  return Object.fromEntries(
    Object.entries(wire).map(([name, value]) => {
      const own = NAMES.get(name)
      return own === undefined ? [name, value] : [own, value === null ? null : Date.parse(value as string)]
    }),
  ) as Reason
}
