/** Params against the schema of their method; what is wrong is said in one sentence that names the field. */

import { Compile, type Validator } from 'typebox/compile'
import { refuse } from '../wire/fields.ts'
import type { Params } from '../wire/messages.ts'
import type { Command } from './command.ts'

/** Compiled when a method is first called: a server need not start later for those that nobody calls. */
const validators = new WeakMap<Command, Validator>()

/** Throws INVALID_PARAMS. */
export function checkParams(method: string, command: Command, params: Params): void {
  let validator = validators.get(command)
  if (validator === undefined) {
    validator = Compile(command.params) as Validator
    validators.set(command, validator)
  }
  if (!validator.Check(params)) explain(method, validator, params)
}

function explain(method: string, validator: Validator, params: Params): never {
  const errors = validator.Errors(params)
  for (const { keyword, params: facts } of errors) {
    if (keyword !== 'additionalProperties') continue
    const [unknown] = (facts as { additionalProperties: readonly string[] }).additionalProperties
    refuse(unknown!, `is no parameter of ${method}`)
  }
  // Of a union the last error says that nothing fits; the ones before say why each possibility does not.
  const error = errors.find(({ keyword }) => keyword === 'anyOf') ?? errors[0]
  if (error?.keyword === 'required') {
    const [missing] = (error.params as { requiredProperties: readonly string[] }).requiredProperties
    refuse([fieldOf(error.instancePath), missing].filter(Boolean).join('.'), 'is missing')
  }
  if (error === undefined || error.keyword === 'anyOf') {
    refuse(fieldOf(error?.instancePath ?? '') || 'params', `has a form that ${method} does not take`)
  }
  refuse(fieldOf(error.instancePath) || 'params', error.message)
}

/** `/ids/3` → `ids[3]`, `/client/worker` → `client.worker` */
function fieldOf(instancePath: string): string {
  return instancePath
    .slice(1)
    .replaceAll(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.')
}
