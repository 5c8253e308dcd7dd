/** How the page looks and reads: each screen in both themes, on a desk and on a phone, in both languages, for eyes, keyboards and screen readers. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { fill } from '../../../dashboard/src/words/fill.ts'
import { MESSAGES } from '../../../dashboard/src/words/messages.ts'
import { needChromium } from '../../support/real-parts.ts'
import { keepPicture, type Look, openBrowser, openPage, startEmbedded } from './browser.ts'
import { SCREENS, setScene, show } from './scene.ts'

const { skip } = needChromium()
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Text as it is in the document, a piece each. */
const WHAT_IS_SAID = `(() => {
  const walker = document.createTreeWalker(document.getElementById('page'), NodeFilter.SHOW_TEXT)
  const said = []
  while (walker.nextNode()) {
    // Names of keys are the same everywhere.
    if (walker.currentNode.parentElement.tagName !== 'KBD') said.push(walker.currentNode.data.trim())
  }
  return said
})()`

interface Finding {
  readonly id: string
  readonly impact: string
  readonly where: readonly string[]
}

/** What axe finds that is serious, or worse. */
async function seriousFindings(page: Page): Promise<readonly Finding[]> {
  await page.evaluate(AXE)
  const found =
    (await page.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ target, failureSummary }) =>
      target.join(' ') + ': ' + failureSummary) })))`)) as Finding[]
  return found.filter(({ impact }) => impact === 'serious' || impact === 'critical')
}

test('each screen fits its window, in both themes, and axe finds nothing serious', {
  skip,
}, async (context) => {
  const server = await startEmbedded(context)
  const scene = await setScene(server)
  const browser = await openBrowser(context)
  const looks: Look[] = [
    { size: 'wide', theme: 'light' },
    { size: 'wide', theme: 'dark' },
    { size: 'phone', theme: 'light' },
    { size: 'phone', theme: 'dark' },
  ]
  for (const look of looks) {
    const page = await openPage(context, browser, server.http, look)
    for (const screen of SCREENS) {
      await show(page, screen, scene)
      await keepPicture(page, `look-${screen}-${look.size}-${look.theme}`)
      assert.deepEqual(await seriousFindings(page), [], `${screen} ${look.size} ${look.theme}`)
      const beyond = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
      assert.equal(beyond, 0, `${screen} on a ${look.size} window is wider than that`)
    }
    await page.close()
  }
})

test('in Spanish no screen says a word of English, and the choice of language and theme stays', {
  skip,
}, async (context) => {
  const server = await startEmbedded(context)
  const scene = await setScene(server)
  const browser = await openBrowser(context)
  const page = await openPage(context, browser, server.http, { locale: 'es-PE' })
  assert.equal(await page.locator('html').getAttribute('lang'), 'es')
  const english = new Set(
    Object.values(MESSAGES)
      .filter(({ en, es }) => en !== es && !en.includes('{'))
      .map((message) => fill(message, 'en', {})),
  )
  for (const screen of SCREENS) {
    await show(page, screen, scene, 'es')
    const said = (await page.evaluate(WHAT_IS_SAID)) as string[]
    assert.deepEqual(
      said.filter((line) => english.has(line)),
      [],
      screen,
    )
  }
  await keepPicture(page, 'look-task-es')
  await page.getByLabel('Idioma').selectOption('EN')
  await page.getByRole('button', { name: /^Theme: / }).click()
  await page.getByRole('button', { name: 'Theme: Light' }).click()
  await page.getByRole('button', { name: 'Theme: Dark' }).waitFor()
  await page.reload()
  await page.getByRole('heading', { level: 1, name: 'Task' }).waitFor()
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark')
})

test('everything can be reached by keyboard', { skip }, async (context) => {
  const server = await startEmbedded(context)
  const scene = await setScene(server)
  const browser = await openBrowser(context)
  const page = await openPage(context, browser, server.http)
  const at = (name: string) => page.getByRole('heading', { level: 1, name }).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('g')
  await page.keyboard.press('t')
  await at('Tasks')
  await page.keyboard.press('/')
  await page.keyboard.type(scene.failedId)
  const grid = page.getByRole('grid')
  await grid.getByRole('row').nth(1).waitFor()
  await grid.getByRole('row').nth(2).waitFor({ state: 'detached' })
  await grid.focus()
  await page.keyboard.press('Space')
  await page.getByText('1 selected').waitFor()
  await page.keyboard.press('Enter')
  await at('Task')
  await page.goBack()
  await at('Tasks')

  await page.getByRole('searchbox').fill('')
  await grid.getByRole('row').nth(5).waitFor()
  await grid.focus()
  const current = () => grid.evaluate((element) => element.getAttribute('aria-activedescendant'))
  const first = await current()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  assert.notEqual(await current(), first)
  await page.keyboard.press('Home')
  assert.equal(await current(), first)
  await page.keyboard.press('End')
  const last = (await current())!
  assert.equal(await page.locator(`id=${last}`).count(), 1)

  // From the top by Tab: first the way past the navigation.
  await page.reload()
  await at('Tasks')
  await page.keyboard.press('Tab')
  await page.getByRole('button', { name: 'Skip to the content' }).and(page.locator(':focus')).waitFor()
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate('document.activeElement.id'), 'content')
})
