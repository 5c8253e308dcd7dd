/** Modules to definitions. Runs in every pool thread, so that user code is loaded nowhere else. */

import { isTaskDefinition, type TaskDefinition } from '../../task/definition.ts'
import { ChasquiError } from '../../task/errors.ts'

/**
 * The definitions among the exports of these modules, default and named ones, by type.
 * @throws ChasquiError CONFIG_INVALID, one sentence that names the module
 */
export async function loadDefinitions(modules: readonly string[]): Promise<Map<string, TaskDefinition>> {
  const definitions = new Map<string, TaskDefinition>()
  const origins = new Map<string, string>()
  for (const url of modules) {
    let found = 0
    for (const definition of definitionsOf(await load(url))) {
      found++
      const known = definitions.get(definition.type)
      // The same value may be exported twice, or passed on by another module.
      if (known === definition) continue
      if (known !== undefined) {
        throw unusable(
          url,
          `it defines task type "${definition.type}", which ${origins.get(definition.type)} defines too`,
        )
      }
      definitions.set(definition.type, definition)
      origins.set(definition.type, url)
    }
    if (found === 0) throw unusable(url, 'none of its exports was made by defineTask')
  }
  return definitions
}

async function load(url: string): Promise<Record<string, unknown>> {
  try {
    return await import(url)
  } catch (cause) {
    throw unusable(url, cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause), cause)
  }
}

function definitionsOf(exports: Record<string, unknown>): TaskDefinition[] {
  // Lists and plain objects of definitions are exports that people write too: `export default [a, b]`, module.exports = {a, b}.
  const values = Object.values(exports).flatMap((value) => {
    if (isTaskDefinition(value) || typeof value !== 'object' || value === null) return [value]
    return Object.values(value)
  })
  return values.filter(isTaskDefinition)
}

function unusable(url: string, why: string, cause?: unknown): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `handler module ${url} cannot be used: ${why}`, { cause })
}
