/**
 * Acts that change something: asked about before, and shown after. The one place where both happen, so that no screen can forget them.
 *
 * Invariant: nothing is destroyed without a yes; what the server said it did is what the receipt says, with the states really reached.
 */

import { signal } from '@preact/signals'
import { sentenceOf } from '../parts/notice.tsx'

export interface Question {
  readonly title: string
  readonly text: string
  /** On the button that does it. */
  readonly yes: string
  readonly isDestructive: boolean
  readonly answer: (isYes: boolean) => void
}

export interface Receipt {
  readonly number: number
  readonly atMs: number
  readonly title: string
  /** What became of each, or what went wrong. */
  readonly lines: readonly ReceiptLine[]
  readonly isFailure: boolean
}

export interface ReceiptLine {
  readonly id?: string
  readonly text: string
}

/** Older ones are forgotten: the audit log of the server keeps what must be kept. */
const RECEIPTS_MAX = 50
/** A receipt names so many tasks; beyond them it counts. */
export const RECEIPT_LINES_MAX = 100

export const question = signal<Question | null>(null)
export const receipts = signal<readonly Receipt[]>([])
let numbers = 0

export function confirm(asked: Omit<Question, 'answer'>): Promise<boolean> {
  // A second question takes the place of the first, which is then a no.
  question.peek()?.answer(false)
  return new Promise((resolve) => {
    question.value = {
      ...asked,
      answer: (isYes) => {
        question.value = null
        resolve(isYes)
      },
    }
  })
}

export function showReceipt(title: string, lines: readonly ReceiptLine[] = [], isFailure = false): void {
  const receipt = { number: ++numbers, atMs: Date.now(), title, lines, isFailure }
  receipts.value = [receipt, ...receipts.value].slice(0, RECEIPTS_MAX)
}

/** Does it, and shows what went wrong as a receipt likewise. @returns null: it failed */
export async function attempt<Answer>(title: string, act: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await act()
  } catch (error) {
    showReceipt(title, [{ text: sentenceOf(error) }], true)
    return null
  }
}
