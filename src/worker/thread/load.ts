/** Modules to definitions. Runs in every pool thread, so that user code is loaded nowhere else. */

import { isTaskDefinition, type TaskDefinition } from '../../task/definition.ts'
import { ChasquiError } from '../../task/errors.ts'
import { checkUse, type Middleware, type Use } from '../../task/middleware.ts'

export interface Loaded {
  readonly definitions: ReadonlyMap<string, TaskDefinition>
  /** What the modules export as `use`, in their order. */
  readonly use: Use
}

/**
 * The definitions among the exports of these modules, default and named ones, by type, and their middleware.
 * @throws ChasquiError CONFIG_INVALID, one sentence that names the module
 */
export async function loadModules(modules: readonly string[]): Promise<Loaded> {
  const definitions = new Map<string, TaskDefinition>()
  const origins = new Map<string, string>()
  const use: Middleware[] = []
  for (const url of modules) {
    const exports = await load(url)
    let found = 0
    if ('use' in exports) {
      found++
      use.push(...useOf(url, exports.use))
    }
    for (const definition of definitionsOf(exports)) {
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
  if (definitions.size === 0) throw unusable(modules.at(-1)!, 'there is middleware, but no task definition')
  return { definitions, use }
}

function useOf(url: string, value: unknown): Use {
  try {
    return checkUse(value)
  } catch (cause) {
    throw unusable(url, (cause as Error).message, cause)
  }
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
