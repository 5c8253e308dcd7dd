/** What a list is narrowed down to, as fields. What is chosen stands in the address, so that it can be sent to somebody. */

import { useEffect, useState } from 'preact/hooks'
import { TASK_STATES, type TaskState } from '../../../src/task/lifecycle.ts'
import { stats } from '../live/stats.ts'
import { Field } from '../parts/field.tsx'
import { StateMark } from '../parts/state.tsx'
import { setFilters } from '../route/route.ts'
import { t } from '../words/words.ts'
import { type ListFilter, SPANS, type Span, writeFilter } from './filter.ts'
import { knownTypes } from './known.ts'

/** Somebody who types is waited for. */
const TYPING_MS = 300

export function FilterBar({
  filter,
  hasStates,
}: {
  readonly filter: ListFilter
  readonly hasStates: boolean
}) {
  const change = (part: Partial<ListFilter>) => setFilters(writeFilter({ ...filter, ...part }))
  const span = Object.entries(SPANS).find(([, ms]) => ms === filter.withinMs)?.[0] as Span | undefined
  const [isCustom, setCustom] = useState(filter.fromMs !== null || filter.untilMs !== null)
  const chooseTime = (value: string) => {
    setCustom(value === 'custom')
    change({ withinMs: SPANS[value as Span] ?? null, fromMs: null, untilMs: null })
  }
  return (
    <search class="filters" aria-label={t('filter.label')}>
      {hasStates && <States chosen={filter.states} onChange={(states) => change({ states })} />}
      <div class="filter-fields">
        <Field label={t('filter.text')}>
          {(id) => (
            <Typed
              id={id}
              isSearch
              value={filter.text}
              placeholder={t('filter.textHint')}
              onChange={(text) => change({ text: text.trim() })}
            />
          )}
        </Field>
        <Field label={t('task.type')}>
          {(id) => (
            <>
              <Typed
                id={id}
                value={filter.types.join(', ')}
                list={`${id}-known`}
                placeholder={t('filter.any')}
                onChange={(text) => change({ types: split(text) })}
              />
              <datalist id={`${id}-known`}>
                {knownTypes(stats.value).map((type) => (
                  <option key={type} value={type} />
                ))}
              </datalist>
            </>
          )}
        </Field>
        <Field label={t('task.queue')}>
          {(id) => (
            <select
              id={id}
              value={filter.queues[0] ?? ''}
              onChange={({ currentTarget }) =>
                change({ queues: currentTarget.value === '' ? [] : [currentTarget.value] })
              }
            >
              <option value="">{t('filter.any')}</option>
              {queueNames(filter.queues).map((queue) => (
                <option key={queue} value={queue}>
                  {queue}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label={t('filter.time')}>
          {(id) => (
            <select
              id={id}
              value={isCustom ? 'custom' : (span ?? '')}
              onChange={({ currentTarget }) => chooseTime(currentTarget.value)}
            >
              <option value="">{t('filter.always')}</option>
              {(Object.keys(SPANS) as Span[]).map((name) => (
                <option key={name} value={name}>
                  {t(`filter.within.${name}`)}
                </option>
              ))}
              <option value="custom">{t('filter.custom')}</option>
            </select>
          )}
        </Field>
        {isCustom && (
          <>
            <Field label={t('filter.from')}>
              {(id) => <Moment id={id} ms={filter.fromMs} onChange={(fromMs) => change({ fromMs })} />}
            </Field>
            <Field label={t('filter.until')}>
              {(id) => <Moment id={id} ms={filter.untilMs} onChange={(untilMs) => change({ untilMs })} />}
            </Field>
          </>
        )}
      </div>
    </search>
  )
}

function queueNames(chosen: readonly string[]): readonly string[] {
  return [...new Set([...chosen, ...(stats.value?.queues.map(({ queue }) => queue) ?? [])])].sort()
}

function split(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function States({
  chosen,
  onChange,
}: {
  readonly chosen: readonly TaskState[]
  readonly onChange: (states: readonly TaskState[]) => void
}) {
  const toggle = (state: TaskState) =>
    onChange(chosen.includes(state) ? chosen.filter((other) => other !== state) : [...chosen, state])
  return (
    <fieldset class="chips">
      <legend>{t('task.state')}</legend>
      {TASK_STATES.map((state) => (
        <label class="chip" key={state}>
          <input type="checkbox" checked={chosen.includes(state)} onChange={() => toggle(state)} />
          <StateMark state={state} />
        </label>
      ))}
    </fieldset>
  )
}

interface TypedProps {
  readonly id: string
  readonly value: string
  readonly placeholder: string
  readonly onChange: (text: string) => void
  readonly list?: string
  readonly isSearch?: boolean
}

/** A field that says what was typed when it is done. */
function Typed({ id, value, placeholder, onChange, list, isSearch = false }: TypedProps) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => onChange(text), TYPING_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <input
      id={id}
      type={isSearch ? 'search' : 'text'}
      value={text}
      placeholder={placeholder}
      autocomplete="off"
      spellcheck={false}
      {...(list === undefined ? {} : { list })}
      {...(isSearch ? { 'data-search': '' } : {})}
      onInput={({ currentTarget }) => setText(currentTarget.value)}
    />
  )
}

function Moment({
  id,
  ms,
  onChange,
}: {
  readonly id: string
  readonly ms: number | null
  readonly onChange: (ms: number | null) => void
}) {
  return (
    <input
      id={id}
      type="datetime-local"
      value={ms === null ? '' : localText(ms)}
      onChange={({ currentTarget }) => {
        const chosen = Date.parse(currentTarget.value)
        onChange(Number.isNaN(chosen) ? null : chosen)
      }}
    />
  )
}

/** As the field of the browser wants it: local time, without a zone. */
function localText(ms: number): string {
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 16)
}
