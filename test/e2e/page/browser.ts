/** A real browser on a real server: Debian's Chromium, driven by Playwright, with what it says and where it goes under watch. */

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { buildPageIfNeeded } from '../../../scripts/page.mjs'
import { findProgram } from '../../../scripts/programs.mjs'
import { atEnd, type Scope, temporaryFolder } from '../../support/temporary.ts'
import { root, type Server, startServer, workersReady } from '../cli/chasqui.ts'

/** The machine may be busy with other tests. */
export const PATIENCE_MS = 60_000

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const SIZES = {
  wide: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
} as const

export interface Look {
  readonly size?: keyof typeof SIZES
  readonly theme?: 'light' | 'dark'
  readonly locale?: string
  /** The server refuses something: the page does not come alive by itself, and the browser notes each refusal. */
  readonly isRefused?: boolean
}

export async function openBrowser(scope: Scope): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: findProgram('chromium')!, args: FLAGS })
  atEnd(scope, () => browser.close())
  return browser
}

/** A page in a window of its own. At the end of the test it must have stayed on its server and have said nothing to the console. */
export async function openPage(
  context: TestContext,
  browser: Browser,
  http: string,
  { size = 'wide', theme = 'light', locale = 'en-GB', isRefused = false }: Look = {},
): Promise<Page> {
  const window = await browser.newContext({ viewport: SIZES[size], colorScheme: theme, locale })
  window.setDefaultTimeout(PATIENCE_MS)
  const page = await window.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error.stack ?? error)))
  page.on('console', (message) => {
    const isNoted = isRefused && /status of 40[13]/.test(message.text())
    if (/error|warning/.test(message.type()) && !isNoted) faults.push(message.text())
  })
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (origin !== new URL(http).origin && protocol !== 'data:') faults.push(`it asked ${request.url()}`)
  })
  atEnd(context, async () => {
    await window.close()
    assert.deepEqual(faults, [])
  })
  await page.goto(http)
  if (!isRefused) await page.locator('.contact-live').waitFor()
  return page
}

/** Goes to a screen by its address. */
export async function goTo(page: Page, address: string, heading: string): Promise<void> {
  await page.goto(`${new URL(page.url()).origin}/#/${address}`)
  await page.getByRole('heading', { level: 1, name: heading }).waitFor()
}

/** For people who look at what the tests saw: in artefacts/page, which git does not know. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  const folder = join(root, 'artefacts/page')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

export interface WebServer extends Server {
  readonly http: string
}

/** The page is built where it was not yet, and a distributor or a whole system serves it on a free port. */
export async function startWeb(context: TestContext, args: readonly string[]): Promise<WebServer> {
  buildPageIfNeeded(process.execPath)
  const server = await startServer(context, [...args, '--http', 'on', '--http-port', '0'])
  assert.ok(server.http !== null)
  return server as WebServer
}

/** On the embedded engine, with workers that know the handlers of tasks.ts beside this file. */
export async function startEmbedded(
  context: TestContext,
  { workers = 1, args = [] }: { readonly workers?: number; readonly args?: readonly string[] } = {},
): Promise<WebServer> {
  const engine = `embedded:${temporaryFolder(context, 'page')}`
  const server = await startWeb(context, [
    'up',
    HANDLERS,
    '--engine',
    engine,
    '--workers',
    String(workers),
    '--drain',
    '500ms',
    ...args,
  ])
  await workersReady(server, workers)
  return server
}

export const HANDLERS = join(import.meta.dirname, 'tasks.ts')
