/** Where the server asks who one is: a token for a cookie, rights that are missing said as such, and out again. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../../../src/client/connect.ts'
import { formatTokenFile } from '../../../src/distributor/access/token-file.ts'
import { needChromium } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { issue } from '../../support/tokens.ts'
import { goTo, keepPicture, openBrowser, openPage, startWeb } from './browser.ts'

const { skip } = needChromium()

test('a token opens the page, what it gives no right to is refused, and leaving closes it', {
  skip,
}, async (context) => {
  const folder = temporaryFolder(context, 'login')
  const { tokens, file } = issue({
    ada: { grants: [{ rights: ['admin'], queues: ['*'] }] },
    guest: { grants: [{ rights: ['read', 'observe'], queues: ['*'] }] },
  })
  const path = join(folder, 'tokens.json')
  writeFileSync(path, formatTokenFile(file), { mode: 0o600 })
  const server = await startWeb(context, ['distributor', '--engine', 'memory', '--tokens', path])
  await using client = await connect(server.address, { token: tokens.ada! })
  for (const id of ['one', 'two']) await client.submit('sumar', [1], { id, delayMs: 3_600_000 })

  const browser = await openBrowser(context)
  // Answers of 401 and 403 are what this test is about; the browser writes each to its console.
  const page = await openPage(context, browser, server.http, { isRefused: true })
  const token = page.getByLabel('Token')
  await token.waitFor()
  await keepPicture(page, 'look-login')
  await token.fill('not-a-token')
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.getByRole('alert').getByText('This token is not valid (any more).').waitFor()

  await token.fill(tokens.guest!)
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  await page.locator('.tile').filter({ hasText: '+ 2 not due' }).waitFor()
  assert.equal(await page.evaluate('document.cookie'), '', 'no script can read it')
  const kept = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')
  assert.ok(!String(kept).includes(tokens.guest!))

  await goTo(page, 'tasks/one', 'Task')
  const cancel = async () => {
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    await page.getByRole('button', { name: 'Cancel the task' }).click()
  }
  await cancel()
  await page.locator('.toast-failure').getByText('Your token does not give the right to this.').waitFor()
  await page.getByRole('button', { name: 'Log out' }).click()
  await token.waitFor()

  await token.fill(tokens.ada!)
  await page.getByRole('button', { name: 'Enter' }).click()
  // The address was kept, and a page that is loaded anew finds its session and its proof again.
  await page.getByRole('heading', { level: 1, name: 'Task' }).waitFor()
  await page.reload()
  await page.getByRole('button', { name: 'Log out' }).waitFor()
  await cancel()
  await page.locator('.toast').getByText('1 task canceled').waitFor()
  await page.locator('.task-name').getByText('Canceled').waitFor()
})
