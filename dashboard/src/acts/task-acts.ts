/** Cancelling and retrying tasks, from whatever screen: question, call, receipt. */

import type { Change } from '../api/shapes.ts'
import { cancelTasks, type RetryFilter, retryMatching, retryTasks } from '../api/tasks.ts'
import { look } from '../live/stats.ts'
import { t } from '../words/words.ts'
import { attempt, confirm, RECEIPT_LINES_MAX, type ReceiptLine, showReceipt } from './acts.ts'

/** The server takes so many ids in a request at most; fewer keep the answers quick. */
const IDS_A_REQUEST = 1_000

/** @returns whether anything was tried */
export async function cancelWithQuestion(ids: readonly string[]): Promise<boolean> {
  const isYes = await confirm({
    title: t('cancel.question', { count: ids.length }),
    text: t('cancel.consequence'),
    yes: t('cancel.yes', { count: ids.length }),
    isDestructive: true,
  })
  if (!isYes) return false
  const changes = await attempt(t('cancel.failed'), () => inParts(ids, cancelTasks))
  if (changes !== null) showChanges('cancel', ids, changes)
  return true
}

/** Nothing is lost by it, so it is not asked about for a task or a selection that somebody made. */
export async function retryChosen(ids: readonly string[]): Promise<boolean> {
  const changes = await attempt(t('retry.failed'), () => inParts(ids, retryTasks))
  if (changes !== null) showChanges('retry', ids, changes)
  return true
}

/**
 * All failed ones that match, however many: as often as the server says that there are more.
 * @param expected null: how many match is not known
 * @param onCount called with the number taken up so far; answers whether to go on
 */
export async function retryAllMatching(
  filter: RetryFilter,
  expected: number | null,
  onCount: (count: number) => boolean,
): Promise<void> {
  const isYes = await confirm({
    title: expected === null ? t('retryAll.questionSome') : t('retryAll.question', { count: expected }),
    text: t('retryAll.consequence'),
    yes: t('retryAll.yes'),
    isDestructive: true,
  })
  if (!isYes) return
  let taken: (Change | null)[] = []
  let count = 0
  await attempt(t('retry.failed'), async () => {
    for (let more = true; more; ) {
      const answer = await retryMatching(filter)
      count += answer.tasks.filter((change) => change?.changed).length
      taken = [...taken, ...answer.tasks].slice(0, RECEIPT_LINES_MAX)
      // Those that fail again at once would be taken up for ever.
      more = answer.more && answer.tasks.length > 0 && onCount(count)
    }
  })
  showReceipt(t('retry.done', { count }), linesOf([], taken, count))
  await look()
}

async function inParts(
  ids: readonly string[],
  call: (part: readonly string[]) => Promise<readonly (Change | null)[]>,
): Promise<readonly (Change | null)[]> {
  const changes: (Change | null)[] = []
  for (let from = 0; from < ids.length; from += IDS_A_REQUEST) {
    changes.push(...(await call(ids.slice(from, from + IDS_A_REQUEST))))
  }
  return changes
}

function showChanges(
  act: 'cancel' | 'retry',
  ids: readonly string[],
  changes: readonly (Change | null)[],
): void {
  const count = changes.filter((change) => change?.changed).length
  showReceipt(t(`${act}.done`, { count }), linesOf(ids, changes, changes.length), count === 0)
  void look()
}

function linesOf(
  ids: readonly string[],
  changes: readonly (Change | null)[],
  total: number,
): readonly ReceiptLine[] {
  const lines = changes.slice(0, RECEIPT_LINES_MAX).map((change, index): ReceiptLine => {
    if (change === null) return { id: ids[index] ?? '?', text: t('receipt.unknown') }
    const state = t(`state.${change.state}`)
    return { id: change.id, text: change.changed ? state : t('receipt.unchanged', { state }) }
  })
  const rest = total - lines.length
  return rest > 0 ? [...lines, { text: t('receipt.more', { count: rest }) }] : lines
}
