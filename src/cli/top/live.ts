/**
 * The live view: looks again and again, draws what it knows, listens to keys and signals.
 *
 * Looking and drawing go by clocks of their own, so that a server that does not answer is told of, and keys work, whatever it does.
 */

import { roughDuration } from '../../app/quantities.ts'
import { ChasquiError } from '../../task/errors.ts'
import { TOP_SILENT_MS } from '../../task/limits.ts'
import type { Colors } from '../screen.ts'
import { FIRST_PICTURE, frame, type Picture, scrollMax, viewAfter } from './frame.ts'
import { NO_HISTORY, withLook } from './rates.ts'
import { VIEWS } from './sections.ts'
import type { Top } from './still.ts'
import { type Key, openTerminal, type Terminal } from './terminal.ts'

/**
 * Until someone ends it; resolves with the exit code.
 * @throws ChasquiError when looking is of no use: FORBIDDEN, UNAUTHENTICATED …
 */
export async function showLive({ looker, address, intervalMs }: Top, colors: Colors): Promise<number> {
  const ended = Promise.withResolvers<number>()
  let picture: Picture = { ...FIRST_PICTURE, address, nowMs: Date.now() }
  // It goes on while the picture is held.
  let history = NO_HISTORY
  let heardAtMs = performance.now()
  let lookTimer: NodeJS.Timeout | null = null
  let isEnded = false

  const draw = () => terminal.draw(frame(picture, terminal.size, colors))
  const change = (to: Partial<Picture>) => {
    picture = { ...picture, ...to }
    picture = { ...picture, scrolled: Math.min(picture.scrolled, scrollMax(picture, terminal.size)) }
    draw()
  }
  const terminal: Terminal = openTerminal({
    onKey: (key) => {
      if (key === 'suspend') terminal.suspend()
      else if (key === 'interrupt') ended.resolve(130)
      else if (key === 'q') ended.resolve(0)
      else change(changeBy(key, picture, terminal.size.rows))
    },
    onResize: () => change({}),
  })
  const onSignal = (signal: NodeJS.Signals) =>
    ended.resolve(signal === 'SIGTERM' ? 143 : signal === 'SIGHUP' ? 129 : 130)
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', onSignal)

  const look = async () => {
    try {
      const seen = await looker.look()
      heardAtMs = performance.now()
      history = withLook(history, seen)
      if (!picture.isPaused) change({ history, trouble: null, nowMs: seen.atMs })
    } catch (error) {
      if (isEnded) return
      if (!(error instanceof ChasquiError && error.retryable)) ended.reject(error)
      else if (!isSilence(error)) {
        heardAtMs = performance.now()
        change({ trouble: error.message, nowMs: Date.now() })
      }
    }
    if (!isEnded) lookTimer = setTimeout(() => void look(), intervalMs)
  }
  const clock = setInterval(
    () => {
      const silentMs = performance.now() - heardAtMs
      if (silentMs < Math.max(TOP_SILENT_MS, 3 * intervalMs)) return
      const trouble = `no answer from ${address} for ${roughDuration(silentMs)}; trying again and again`
      if (!picture.isPaused) change({ trouble, nowMs: Date.now() })
    },
    Math.min(intervalMs, 500),
  )

  try {
    draw()
    void look()
    return await ended.promise
  } finally {
    isEnded = true
    clearInterval(clock)
    if (lookTimer !== null) clearTimeout(lookTimer)
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('SIGHUP', onSignal)
    terminal.close()
  }
}

/** The clock says for how long there was no answer; the link connects again by itself. */
function isSilence({ code }: ChasquiError): boolean {
  return code === 'CONNECTION_LOST' || code === 'TIMEOUT'
}

/** What a key changes. */
export function changeBy(
  key: Key,
  { view, scrolled, isPaused, isHelp }: Picture,
  rows: number,
): Partial<Picture> {
  const page = Math.max(1, rows - 7)
  const number = VIEWS[Number(key) - 1]
  if (number !== undefined) return { view: number, scrolled: 0, isHelp: false }
  switch (key) {
    case 'tab':
    case 'right':
      return { view: viewAfter(view, 1), scrolled: 0, isHelp: false }
    case 'left':
      return { view: viewAfter(view, -1), scrolled: 0, isHelp: false }
    case 'down':
    case 'j':
      return { scrolled: scrolled + 1 }
    case 'up':
    case 'k':
      return { scrolled: Math.max(0, scrolled - 1) }
    case 'pageDown':
      return { scrolled: scrolled + page }
    case 'pageUp':
      return { scrolled: Math.max(0, scrolled - page) }
    case 'home':
      return { scrolled: 0 }
    case 'p':
    case ' ':
      return { isPaused: !isPaused }
    case '?':
    case 'h':
      return { isHelp: !isHelp }
    default:
      return {}
  }
}
