/** What an operator does on a day that is not quiet, with mouse and keyboard, on every screen. Played on each engine. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { goTo, keepPicture } from './browser.ts'

export interface JourneyOptions {
  /** For the names of the pictures. */
  readonly name: string
  /** A folder of the test's own. */
  readonly folder: string
}

export async function playJourney(page: Page, { name, folder }: JourneyOptions): Promise<void> {
  await submitAndSeeResults(page)
  await keepPicture(page, `${name}-submit`)
  await followOneTask(page)
  await keepPicture(page, `${name}-task`)
  await retryDeadLetters(page, join(folder, 'bridge'), name)
  await cancelWhatWaits(page)
  await keepPicture(page, `${name}-tasks`)
  await lookAround(page, name)
  await steerQueue(page)
}

async function submitAndSeeResults(page: Page): Promise<void> {
  await goTo(page, 'submit', 'Submit')
  await page.getByRole('button', { name: 'sumar' }).click()
  await page.getByLabel('How many').fill('3')
  await page.getByLabel('Data (JSON)').fill('[5, 7')
  await page.getByRole('button', { name: 'Submit 3 tasks' }).click()
  await page.getByRole('alert').filter({ hasText: 'Line 1 is not JSON' }).waitFor()
  await page.getByLabel('Data (JSON)').fill('[5, 7]')
  await page.getByRole('button', { name: 'Submit 3 tasks' }).click()
  await page.getByText('3 of 3 succeeded').waitFor()
  assert.deepEqual(await page.locator('.run-tasks code').allTextContents(), ['12', '12', '12'])
}

async function followOneTask(page: Page): Promise<void> {
  await send(page, 'caminar', '{"ms": 4000}')
  await page.locator('.run-tasks a').first().click()
  await page.getByRole('heading', { level: 1, name: 'Task' }).waitFor()
  await page.getByText(/\d+ \/ 10 \(\d+ %\) · paso \d+/).waitFor()
  await page.getByRole('log').getByText('step 2 of 10').waitFor()
  await panel(page, 'Result').getByText('"arrived"').waitFor()
  assert.equal(
    await page
      .getByRole('log')
      .getByText(/^step \d+ of 10$/)
      .count(),
    10,
  )
  await panel(page, 'Data').getByText('4000').waitFor()
  const timeline = panel(page, 'Timeline').getByRole('listitem')
  assert.match((await timeline.nth(0).textContent())!, /^Accepted/)
  assert.match((await timeline.nth(1).textContent())!, /^Attempt 1 by .+, PID \d+ · 10 lines/)
  assert.match((await timeline.nth(2).textContent())!, /^Succeeded/)
}

async function retryDeadLetters(page: Page, bridge: string, name: string): Promise<void> {
  await send(page, 'puente', JSON.stringify({ file: bridge }), { count: '4', attempts: '1' })
  await page.getByText('0 of 4 succeeded').waitFor()
  await goTo(page, 'dead', 'Dead letters')
  await page.getByText('4 tasks failed for good.').waitFor()
  const rows = page.getByRole('grid').getByRole('row').filter({ hasText: 'RangeError: the bridge is down' })
  await exactly(rows, 4)
  await keepPicture(page, `${name}-dead`)

  await rows.first().getByRole('link').click()
  await panel(page, 'Why it ended').getByText('Its attempts are used up (1).').waitFor()
  await panel(page, 'Error')
    .getByText(/at (async )?Object\.run|at .*tasks\.ts/)
    .first()
    .waitFor()
  await page.getByRole('log').getByText('looking for the bridge').waitFor()
  await keepPicture(page, `${name}-failed`)
  writeFileSync(bridge, '')
  await page.getByRole('button', { name: 'Retry' }).click()
  await panel(page, 'Result').getByText('"crossed"').waitFor()
  await receipt(page, '1 task put back in the queue')

  await goTo(page, 'dead', 'Dead letters')
  await exactly(rows, 3)
  await rows.nth(1).getByRole('checkbox').check()
  await page.getByRole('toolbar').getByRole('button', { name: 'Retry' }).click()
  await exactly(rows, 2)

  const all = page.getByRole('button', { name: 'Retry all that match' })
  await page.getByText('2 tasks failed for good.').waitFor()
  await all.click()
  await page.getByRole('dialog').getByText('Retry all 2 failed tasks?').waitFor()
  await page.keyboard.press('Escape')
  await exactly(rows, 2)
  await all.click()
  await page.getByRole('dialog').getByRole('button', { name: 'Retry them' }).click()
  await receipt(page, '2 tasks put back in the queue')
  await page.getByText('No dead letters. Good.').waitFor()
}

async function cancelWhatWaits(page: Page): Promise<void> {
  await send(page, 'caminar', '{"ms": 1}', { count: '2', delay: '3600000' })
  await page.getByText('2 of 2', { exact: true }).waitFor()
  await goTo(page, 'tasks?type=caminar&state=scheduled', 'Tasks')
  const rows = page.getByRole('grid').getByRole('row').filter({ hasText: 'caminar' })
  await exactly(rows, 2)
  await page.getByLabel('Select all loaded').check()
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click()
  const question = page.getByRole('dialog').filter({ hasText: 'Cancel 2 tasks?' })
  await question.getByRole('button', { name: 'No, go back' }).click()
  await question.waitFor({ state: 'detached' })
  await exactly(rows.filter({ hasText: 'Scheduled' }), 2)
  await page.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click()
  await question.getByRole('button', { name: 'Cancel 2 tasks' }).click()
  await receipt(page, '2 tasks canceled')
  await page.getByRole('group', { name: 'State' }).getByLabel('Scheduled').uncheck()
  await exactly(rows.filter({ hasText: 'Canceled' }), 2)
}

async function lookAround(page: Page, name: string): Promise<void> {
  await send(page, 'caminar', '{"ms": 60000}')
  await goTo(page, 'workers', 'Workers')
  const worker = page
    .getByRole('listitem')
    .filter({ hasText: /PID \d+/ })
    .first()
  await worker.getByText(/of \d+ slots busy/).waitFor()
  await page.locator('.running').getByText('caminar').first().waitFor()
  await keepPicture(page, `${name}-workers`)
  await goTo(page, 'queues', 'Queues')
  const queue = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'default' }) })
  await queue.locator('.count-running').getByText('1', { exact: true }).waitFor()
  await keepPicture(page, `${name}-queues`)
  await goTo(page, 'overview', 'Overview')
  const running = page.locator('.tile').filter({ hasText: 'Running' }).locator('.tile-value')
  await running.getByText('1', { exact: true }).waitFor()
  await page.getByRole('rowheader', { name: 'default' }).waitFor()
  await page.locator('.chart canvas').nth(2).waitFor()
  await keepPicture(page, `${name}-overview`)
}

async function steerQueue(page: Page): Promise<void> {
  await goTo(page, 'queues', 'Queues')
  const queue = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'default' }) })
  await queue.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click()
  await receipt(page, 'default is paused')
  await queue.getByText('Paused').waitFor()
  await send(page, 'sumar', '[1, 1]', { count: '2' })
  await page.locator('.run-tasks .state-queued').nth(1).waitFor()
  await page.locator('.run-tasks a').first().click()
  await panel(page, 'Why it is where it is').getByText('Its queue is paused.').waitFor()
  await goTo(page, 'queues', 'Queues')
  await queue.locator('.count-queued').getByText('2', { exact: true }).waitFor()
  await queue.getByRole('button', { name: 'Cancel all that waits' }).click()
  await page.getByRole('dialog').getByText('Cancel all 2 tasks that wait in default?').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel all that waits' }).click()
  await receipt(page, '2 tasks of default canceled')
  await queue.getByRole('button', { name: 'Resume' }).click()
  await receipt(page, 'default works again')
  await queue.getByRole('button', { name: 'Pause' }).waitFor()
}

interface SendOptions {
  readonly count?: string
  readonly attempts?: string
  readonly delay?: string
}

async function send(page: Page, type: string, data: string, options: SendOptions = {}): Promise<void> {
  await goTo(page, 'submit', 'Submit')
  await page.getByLabel('Type').fill(type)
  await page.getByLabel('Data (JSON)').fill(data)
  await page.getByLabel('How many').fill(options.count ?? '1')
  const more = page.locator('details.more')
  if ((await more.getAttribute('open')) === null) await page.getByText('More options').click()
  await page.getByLabel('Attempts at most').fill(options.attempts ?? '')
  await page.getByLabel('Delay (ms)').fill(options.delay ?? '')
  await page.getByRole('button', { name: /^Submit \d+ tasks?$/ }).click()
  await page.getByRole('heading', { level: 2, name: `${options.count ?? '1'} × ${type}` }).waitFor()
}

function panel(page: Page, title: string): Locator {
  return page.getByRole('region', { name: title, exact: true }).filter({ has: page.getByRole('heading') })
}

async function receipt(page: Page, title: string): Promise<void> {
  await page.locator('.toast').getByText(title).waitFor()
}

/** So many, and no more. */
async function exactly(rows: Locator, count: number): Promise<void> {
  if (count > 0) await rows.nth(count - 1).waitFor()
  await rows.nth(count).waitFor({ state: 'detached' })
}
