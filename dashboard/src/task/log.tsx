/** What the handler wrote, attempt by attempt; the end stays in sight while lines come. */

import { useLayoutEffect, useRef } from 'preact/hooks'
import type { LogLine } from '../api/shapes.ts'
import { clockTime, exactTime } from '../look/figures.ts'
import { nowMs } from '../look/now.ts'
import { CopyButton } from '../parts/copy.tsx'
import { language, t } from '../words/words.ts'

/** Nearer to the end than this counts as at the end. */
const AT_END_PIXELS = 24

export function Log({ lines, attempts }: { readonly lines: readonly LogLine[]; readonly attempts: number }) {
  const box = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useLayoutEffect(() => {
    if (isAtEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight
  }, [lines.length])
  const text = lines.map((line) => `${exactTime(line.at)} ${line.level} ${line.text}`).join('\n')
  return (
    <section class="panel" aria-labelledby="log-title">
      <div class="panel-head">
        <h2 id="log-title">{t('task.log')}</h2>
        {lines.length > 0 && <CopyButton text={text} what={t('task.log')} />}
      </div>
      {lines.length === 0 ? (
        <p class="soft">{t('task.noLog')}</p>
      ) : (
        <div
          class="log"
          ref={box}
          role="log"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard, too
          tabIndex={0}
          aria-labelledby="log-title"
          onScroll={({ currentTarget }) => {
            const { scrollHeight, scrollTop, clientHeight } = currentTarget
            isAtEnd.current = scrollHeight - scrollTop - clientHeight < AT_END_PIXELS
          }}
        >
          {lines.map((line) => (
            <div key={line.number} class={`log-line log-${line.level}`}>
              <time dateTime={line.at} title={exactTime(line.at)}>
                {clockTime(line.at, nowMs.peek(), language.value)}
              </time>
              {attempts > 1 && (
                <span class="log-attempt" title={t('task.attempt', { attempt: line.attempt })}>
                  #{line.attempt}
                </span>
              )}
              <span class="log-level">{line.level}</span>
              <span class="log-text">{line.text}</span>
            </div>
          ))}
        </div>
      )}
    </section>
  )
}
