/** Names of handler modules, as people write them, to URLs that threads import. */

import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ChasquiError } from '../task/errors.ts'

/** The handlers that ship with Chasqui. */
export const SAMPLE_MODULE = new URL(
  import.meta.url.endsWith('.ts') ? './handlers/sample.ts' : './handlers/sample.js',
  import.meta.url,
).href

/**
 * A URL, a path (also relative to `folder`, with or without `./`) or the name of a package that is installed for `folder`.
 * @throws ChasquiError CONFIG_INVALID, one sentence
 */
export function resolveModule(name: string, folder: string): string {
  if (/^(file|data|node):/.test(name)) return name
  const path = resolve(folder, name)
  if (existsSync(path)) return pathToFileURL(path).href
  if (isAbsolute(name) || name.startsWith('.')) {
    throw new ChasquiError('CONFIG_INVALID', `handler module ${name} was not found: there is no file ${path}`)
  }
  return resolvePackage(name, folder)
}

function resolvePackage(name: string, folder: string): string {
  // import.meta.resolve looks from this file; for a moment it is made to look from the folder instead.
  const parentURL = pathToFileURL(resolve(folder, 'handlers.js')).href
  const hooks = registerHooks({
    resolve: (specifier, context, next) => next(specifier, { ...context, parentURL }),
  })
  try {
    return import.meta.resolve(name)
  } catch (cause) {
    const why = `it is neither a file in ${folder} nor a package that is installed there`
    throw new ChasquiError('CONFIG_INVALID', `handler module ${name} was not found: ${why}`, { cause })
  } finally {
    hooks.deregister()
  }
}
