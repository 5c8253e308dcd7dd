/** Hand over a task, or many alike, and watch them to their results: the graphical client. */

import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import { stats } from '../live/stats.ts'
import { Field } from '../parts/field.tsx'
import { Empty } from '../parts/notice.tsx'
import { COUNT_MAX, checkDraft, type Draft, EMPTY, type Fault } from '../submit/draft.ts'
import { Run } from '../submit/run.ts'
import { RunView } from '../submit/run-view.tsx'
import { knownTypes } from '../task-list/known.ts'
import { t } from '../words/words.ts'

/** Kept while another screen is shown. */
const draft = signal<Draft>(EMPTY)
const run = signal<Run | null>(null)

/** What the sample workers can do. */
const SAMPLES = [
  { type: 'sumar', data: '[5, 7]' },
  { type: 'multiplicar', data: '[2, 3, 4]' },
  { type: 'dormir', data: '{ "ms": 2000 }' },
]

/** For "submit again" elsewhere. */
export function prepare(next: Partial<Draft>): void {
  draft.value = { ...EMPTY, ...next }
}

export function SubmitScreen() {
  const [fault, setFault] = useState<Fault | null>(null)
  const set = (part: Partial<Draft>) => {
    draft.value = { ...draft.value, ...part }
    setFault(null)
  }
  const send = () => {
    const checked = checkDraft(draft.value)
    if ('fault' in checked) {
      setFault(checked.fault)
      document.querySelector<HTMLElement>(`[data-field=${checked.fault.field}]`)?.focus()
      return
    }
    run.value?.close()
    const next = new Run(checked.task, checked.count)
    run.value = next
    void next.submit()
  }
  const now = draft.value
  const types = [...new Set([...knownTypes(stats.value), ...SAMPLES.map(({ type }) => type)])]
  return (
    <div class="submit">
      <form
        class="panel submit-form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          send()
        }}
      >
        <fieldset class="chips">
          <legend>{t('submit.samples')}</legend>
          {SAMPLES.map((sample) => (
            <button type="button" class="chip" key={sample.type} onClick={() => set(sample)}>
              {sample.type}
            </button>
          ))}
        </fieldset>
        <div class="submit-head">
          <Field label={t('task.type')}>
            {(id) => (
              <>
                <input
                  id={id}
                  data-field="type"
                  data-search=""
                  list={`${id}-types`}
                  value={now.type}
                  autocomplete="off"
                  spellcheck={false}
                  required
                  aria-invalid={fault?.field === 'type'}
                  aria-describedby="submit-fault"
                  onInput={({ currentTarget }) => set({ type: currentTarget.value })}
                />
                <datalist id={`${id}-types`}>
                  {types.map((type) => (
                    <option key={type} value={type} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <Count label={t('submit.count')} name="count" min={1} max={COUNT_MAX} set={set} fault={fault} />
        </div>
        <Field label={t('submit.data')}>
          {(id) => (
            <textarea
              id={id}
              data-field="data"
              class="mono"
              rows={7}
              spellcheck={false}
              value={now.data}
              aria-invalid={fault?.field === 'data'}
              aria-describedby="submit-fault"
              onInput={({ currentTarget }) => set({ data: currentTarget.value })}
            />
          )}
        </Field>
        <details class="more">
          <summary>{t('submit.more')}</summary>
          <div class="submit-more">
            <Text label={t('task.queue')} name="queue" placeholder="default" set={set} />
            <Text label={t('task.key')} name="key" placeholder="" set={set} />
            <Count label={t('task.priority')} name="priority" min={0} max={9} set={set} placeholder="4" />
            <Count label={t('submit.delay')} name="delayMs" min={0} set={set} placeholder="0" />
            <Count
              label={t('task.maxAttempts')}
              name="maxAttempts"
              min={1}
              max={1000}
              set={set}
              placeholder="5"
            />
            <Count label={t('submit.timeout')} name="timeoutMs" min={1} set={set} placeholder="–" />
          </div>
        </details>
        <p id="submit-fault" class="trouble" role="alert">
          {fault !== null && sentence(fault)}
        </p>
        <button type="submit" class="primary">
          {t('submit.send', { count: now.count })}
        </button>
      </form>
      {run.value === null ? (
        <Empty>{t('run.none')}</Empty>
      ) : (
        <RunView key={run.value.begunAtMs} run={run.value} />
      )}
    </div>
  )
}

function sentence(fault: Fault): string {
  if (fault.field === 'data') return t(fault.key, { line: fault.line, message: fault.message })
  return t(fault.key, { max: COUNT_MAX })
}

interface PartProps {
  readonly label: string
  readonly name: keyof Draft
  readonly set: (part: Partial<Draft>) => void
  readonly placeholder?: string
}

function Text({ label, name, set, placeholder }: PartProps) {
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          value={draft.value[name]}
          placeholder={placeholder ?? ''}
          autocomplete="off"
          spellcheck={false}
          onInput={({ currentTarget }) => set({ [name]: currentTarget.value })}
        />
      )}
    </Field>
  )
}

function Count({
  label,
  name,
  set,
  placeholder,
  min,
  max,
  fault,
}: PartProps & { readonly min: number; readonly max?: number; readonly fault?: Fault | null }) {
  return (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          type="number"
          data-field={name}
          inputMode="numeric"
          min={min}
          {...(max === undefined ? {} : { max })}
          value={draft.value[name]}
          placeholder={placeholder ?? ''}
          aria-invalid={fault?.field === name}
          onInput={({ currentTarget }) => set({ [name]: currentTarget.value })}
        />
      )}
    </Field>
  )
}
