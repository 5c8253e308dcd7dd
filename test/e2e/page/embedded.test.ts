/** The page on the embedded engine: a journey over every screen. */

import { test } from 'node:test'
import { needChromium } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { openBrowser, openPage, startEmbedded } from './browser.ts'
import { playJourney } from './journey.ts'

const { skip } = needChromium()

test('an operator submits, follows, retries and cancels on every screen', { skip }, async (context) => {
  const server = await startEmbedded(context, { workers: 2 })
  const browser = await openBrowser(context)
  const page = await openPage(context, browser, server.http)
  await playJourney(page, { name: 'embedded', folder: temporaryFolder(context, 'journey') })
})
