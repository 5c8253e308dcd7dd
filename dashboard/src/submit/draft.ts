/** From what somebody typed into the form to tasks, or to a sentence about what is wrong with it. Pure. */

import type { NewTask } from '../api/shapes.ts'

export interface Draft {
  readonly type: string
  readonly data: string
  readonly count: string
  readonly queue: string
  readonly priority: string
  readonly delayMs: string
  readonly maxAttempts: string
  readonly timeoutMs: string
  readonly key: string
}

export const EMPTY: Draft = {
  type: '',
  data: '[5, 7]',
  count: '1',
  queue: '',
  priority: '',
  delayMs: '',
  maxAttempts: '',
  timeoutMs: '',
  key: '',
}

/** More is what `chasqui submit` is for. */
export const COUNT_MAX = 10_000

export type Fault =
  | { readonly field: 'type' | 'count'; readonly key: 'submit.noType' | 'submit.badCount' }
  | {
      readonly field: 'data'
      readonly key: 'submit.badJson'
      readonly message: string
      readonly line: number
    }

export type Checked = { readonly task: NewTask; readonly count: number } | { readonly fault: Fault }

export function checkDraft(draft: Draft): Checked {
  const type = draft.type.trim()
  if (type === '') return { fault: { field: 'type', key: 'submit.noType' } }
  const count = Number(draft.count)
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
    return { fault: { field: 'count', key: 'submit.badCount' } }
  }
  const data = jsonOf(draft.data)
  if ('message' in data) return { fault: { field: 'data', key: 'submit.badJson', ...data } }
  const task: NewTask = {
    type,
    data: data.value,
    ...(draft.queue.trim() !== '' && { queue: draft.queue.trim() }),
    ...(draft.key.trim() !== '' && { key: draft.key.trim() }),
    ...numbersOf(draft, ['priority', 'delayMs', 'maxAttempts', 'timeoutMs']),
  }
  return { task, count }
}

/** The server judges whether they are in range: its sentences say more. */
function numbersOf<Name extends keyof Draft>(
  draft: Draft,
  names: readonly Name[],
): { [Key in Name]?: number } {
  const said = names.filter((name) => draft[name].trim() !== '')
  return Object.fromEntries(said.map((name) => [name, Number(draft[name])])) as { [Key in Name]?: number }
}

/** Nothing at all is null, as it is on the wire. */
function jsonOf(text: string): { value: unknown } | { message: string; line: number } {
  if (text.trim() === '') return { value: null }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { message, line: lineOf(text, message) }
  }
}

/** V8 and SpiderMonkey say where in different words; without a place it is the last line, where something is missing. */
function lineOf(text: string, message: string): number {
  const line = /line (\d+)/.exec(message)?.[1]
  if (line !== undefined) return Number(line)
  const position = /position (\d+)/.exec(message)?.[1]
  return text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length
}
