/** One task, live: its record and its log are read again whenever something is told of it. */

import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { LogLine, TaskEvent, TaskRecord } from '../api/shapes.ts'
import { getTask, readLog } from '../api/tasks.ts'
import { useEvents } from './events.ts'

/** Events of this task that the timeline may use. */
const SEEN_MAX = 500
/** Lines that are kept in the page: those of the server, and some more. */
const LINES_MAX = 2_000
/** Events may be lost: the truth is looked at from time to time, too. */
const LOOK_MS = 5_000

export interface TaskLook {
  /** undefined: not known yet; null: no such task. */
  readonly record: TaskRecord | null | undefined
  readonly lines: readonly LogLine[]
  readonly seen: readonly TaskEvent[]
  readonly error: unknown
  readonly look: () => void
}

export function useTask(id: string): TaskLook {
  const [record, setRecord] = useState<TaskRecord | null | undefined>(undefined)
  const [lines, setLines] = useState<readonly LogLine[]>([])
  const [seen, setSeen] = useState<readonly TaskEvent[]>([])
  const [error, setError] = useState<unknown>(null)
  const run = useRef({ isLooking: false, isAsked: false, lastLine: 0 })

  const look = useCallback(() => {
    const state = run.current
    state.isAsked = true
    if (state.isLooking) return
    state.isLooking = true
    const turn = async () => {
      while (state.isAsked) {
        state.isAsked = false
        const [task, fresh] = await Promise.all([getTask(id), readLog(id, state.lastLine)])
        state.lastLine = fresh.at(-1)?.number ?? state.lastLine
        setRecord(task)
        if (fresh.length > 0) setLines((before) => [...before, ...fresh].slice(-LINES_MAX))
        setError(null)
      }
    }
    turn()
      .catch(setError)
      .finally(() => {
        state.isLooking = false
      })
  }, [id])

  useEffect(() => {
    look()
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') look()
    }, LOOK_MS)
    return () => clearInterval(timer)
  }, [look])
  const query = useMemo(() => ({ ids: [id] }), [id])
  useEvents(query, {
    onSample: ({ events }) => {
      setSeen((before) => [...before, ...events].slice(-SEEN_MAX))
      look()
    },
    onGap: look,
  })
  return { record, lines, seen, error, look }
}
