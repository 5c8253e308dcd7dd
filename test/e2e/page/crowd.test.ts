/** A hundred thousand tasks: they come and are done while the page looks, and then they are all in one list. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { connect } from '../../../src/client/connect.ts'
import { needChromium } from '../../support/real-parts.ts'
import { goTo, keepPicture, openBrowser, openPage, startEmbedded } from './browser.ts'

const { skip } = needChromium()
const TASKS = 100_000
const BATCH = 5_000
/** Rows in sight, and those that wait beyond the edge. */
const ROWS_IN_DOCUMENT_MAX = 80

test('the page follows a hundred thousand tasks, and a list of all of them has the rows in sight only', {
  skip,
}, async (context) => {
  const server = await startEmbedded(context)
  const browser = await openBrowser(context)
  const page = await openPage(context, browser, server.http)
  await goTo(page, 'tasks', 'Tasks')
  await page.evaluate(WATCH_FRAMES)
  await using client = await connect(server.address)
  const begunAtMs = performance.now()
  for (let from = 0; from < TASKS; from += BATCH) {
    await Promise.all(Array.from({ length: BATCH }, (_, index) => client.submit('sumar', [from + index, 1])))
  }
  await page.getByRole('grid').getByRole('row').nth(10).waitFor()
  await goTo(page, 'overview', 'Overview')
  const succeeded = page.locator('.tile').filter({ hasText: 'Succeeded' })
  await succeeded.getByText('100,000 in all').waitFor()
  const rate = Math.round(TASKS / ((performance.now() - begunAtMs) / 1_000))
  context.diagnostic(`${rate} tasks/s while the page looked: ${await framesSince(page)}`)

  await goTo(page, 'tasks', 'Tasks')
  await page.getByRole('button', { name: 'Load up to 100,000' }).click()
  await page.getByText('100,000 tasks: as many as this list holds.').waitFor()
  await framesSince(page)
  const grid = page.getByRole('grid')
  assert.equal(await grid.getAttribute('aria-rowcount'), String(TASKS + 1))
  let rowsMax = 0
  for (let step = 1; step <= 40; step++) {
    await grid.evaluate((element, share) => {
      element.scrollTop = element.scrollHeight * share
    }, step / 40)
    await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))')
    rowsMax = Math.max(rowsMax, await grid.getByRole('row').count())
  }
  context.diagnostic(`scrolling through ${TASKS} rows: ${await framesSince(page)}`)
  assert.ok(rowsMax <= ROWS_IN_DOCUMENT_MAX, `${rowsMax} rows were in the document`)
  await grid.locator(`[role=row][aria-rowindex="${TASKS + 1}"]`).waitFor()
  await keepPicture(page, 'crowd')

  await page.getByRole('searchbox').fill('no-such-text')
  await page.getByText('No task matches.').waitFor()
  await page.getByText(/10,\d+ were looked at\./).waitFor()
})

/** Times between frames, from now on. */
const WATCH_FRAMES = `{
  let last = performance.now()
  window.gaps = []
  const frame = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(frame) }
  requestAnimationFrame(frame)
}`

/** For people: what CI does at the same time decides about these. */
async function framesSince(page: Page): Promise<string> {
  const gaps = (await page.evaluate('window.gaps.splice(0)')) as number[]
  gaps.sort((a, b) => a - b)
  const at = (share: number) => `${Math.round(gaps[Math.floor((gaps.length - 1) * share)] ?? 0)} ms`
  return `${gaps.length} frames, median ${at(0.5)} apart, 99 % within ${at(0.99)}, longest ${at(1)}`
}
