/**
 * The program under measurement: what `npm run build` made of src/, as users have it. Types come from the sources, so that these files
 * can be checked before anything is built.
 */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const dist = join(import.meta.dirname, '../dist')

export const commandLine = join(dist, 'cli/main.js')

export async function library() {
  const { connect } = (await load('client/connect')) as typeof import('../src/client/connect.ts')
  const { defineTask } = (await load('task/definition')) as typeof import('../src/task/definition.ts')
  return { connect, defineTask }
}

function load(module: string): Promise<unknown> {
  return import(pathToFileURL(join(dist, `${module}.js`)).href)
}
