/** A configuration as it is delivered, with the few places changed that a private instance must have different. */

import assert from 'node:assert/strict'

export interface BalancerSetting {
  /** The text of the configuration. */
  readonly configuration: string
  /** What is changed in it, each text wherever it stands; a function gets the folder of this instance, where sockets and logs belong. */
  readonly replacements?:
    | Readonly<Record<string, string>>
    | ((folder: string) => Readonly<Record<string, string>>)
  /** Added to the environment, for configurations that read it. */
  readonly env?: Readonly<Record<string, string>>
}

/** The text of the file that the instance reads. */
export function rendered({ configuration, replacements = {} }: BalancerSetting, folder: string): string {
  return substitute(configuration, typeof replacements === 'function' ? replacements(folder) : replacements)
}

/** Replaces each text wherever it stands; one that stands nowhere is a mistake of the test, or a configuration that moved on. */
function substitute(text: string, replacements: Readonly<Record<string, string>>): string {
  let result = text
  for (const [from, to] of Object.entries(replacements)) {
    assert.ok(result.includes(from), `the configuration does not say ${JSON.stringify(from)} any more`)
    result = result.replaceAll(from, to)
  }
  return result
}
