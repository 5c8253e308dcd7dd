/** A system with something of everything in it, for tests that look at each screen. */

import type { Page } from 'playwright-core'
import { connect } from '../../../src/client/connect.ts'
import { goTo, type WebServer } from './browser.ts'

export interface Scene {
  /** Of a task that failed, with a log and a stack. */
  readonly failedId: string
}

export async function setScene({ address }: WebServer): Promise<Scene> {
  await using client = await connect(address)
  const sums = [1, 2, 3].map((number) => client.submit('sumar', [number, 5], { key: 'acme' }))
  const failed = await client.submit('puente', { file: '/nowhere' }, { id: 'puente-1', maxAttempts: 1 })
  const walk = await client.submit('caminar', { ms: 600_000 }, { metadata: { origin: 'shop', trip: '7' } })
  const later = await client.submit('sumar', [1], { delayMs: 3_600_000, queue: 'informes' })
  const unknown = await client.submit('nadie-lo-sabe', { a: [1, 'two', null] }, { priority: 9 })
  const given = await client.submit('sumar', [9], { delayMs: 3_600_000 })
  await client.cancel([given.id])
  for (const task of await Promise.all(sums)) await task.result({ timeoutMs: 60_000 })
  await failed.result({ timeoutMs: 60_000 }).catch(() => undefined)
  for (let state = ''; state !== 'running'; ) state = (await walk.status())!.state
  for (const { id } of [later, unknown]) await client.get([id])
  return { failedId: failed.id }
}

/** The screens, in the order of the navigation. */
export const SCREENS = ['overview', 'tasks', 'dead', 'workers', 'queues', 'submit', 'task'] as const
export type ScreenName = (typeof SCREENS)[number]

export const HEADINGS: Readonly<Record<'en' | 'es', Readonly<Record<ScreenName, string>>>> = {
  en: {
    overview: 'Overview',
    tasks: 'Tasks',
    dead: 'Dead letters',
    workers: 'Workers',
    queues: 'Queues',
    submit: 'Submit',
    task: 'Task',
  },
  es: {
    overview: 'Resumen',
    tasks: 'Tareas',
    dead: 'Fallidas',
    workers: 'Workers',
    queues: 'Colas',
    submit: 'Enviar',
    task: 'Tarea',
  },
}

/** Something that is there once a screen has its content. */
const CONTENT: Readonly<Record<ScreenName, string>> = {
  overview: '.chart canvas >> nth=2',
  tasks: '[role=row] .cell-state .state-running',
  dead: '[role=row] .cell-error',
  workers: '.running li',
  queues: '.queue',
  submit: 'textarea',
  task: '.stack pre',
}

export async function show(
  page: Page,
  screen: ScreenName,
  { failedId }: Scene,
  language: 'en' | 'es' = 'en',
): Promise<void> {
  await goTo(page, screen === 'task' ? `tasks/${failedId}` : screen, HEADINGS[language][screen])
  await page.locator(CONTENT[screen]).first().waitFor()
}
