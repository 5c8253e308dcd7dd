/** What the demo says to try next: command lines that work as they stand. */

import { PORT_DEFAULT } from '../../task/limits.ts'
import { type Address, addressText } from '../../wire/address.ts'
import type { Colors } from '../screen.ts'

export function nextSteps(local: Address, colors: Colors): string[] {
  const isStandard = local.port === PORT_DEFAULT && local.host === '127.0.0.1'
  const connect = isStandard ? '' : ` --connect chasqui://${addressText(local)}`
  const steps: readonly (readonly [string, string])[] = [
    [`npx chasqui submit sumar '[5,7]' --wait${connect}`, 'one task and its result'],
    [`npx chasqui submit sumar '[5,7]' --count 100000 --wait${connect}`, 'a hundred thousand'],
    [`npx chasqui submit dormir '{"ms":20000}'${connect}`, 'a long one; then list it, watch it, cancel it'],
    [`npx chasqui list --state running${connect}`, 'what is where'],
    [`npx chasqui workers${connect}`, 'who works'],
    [
      `echo '{"type":"multiplicar","data":[6,7]}' | nc ${local.host} ${local.port}`,
      'any program is a client',
    ],
  ]
  const width = Math.max(...steps.map(([line]) => line.length))
  return [
    '',
    colors.bold('It stays up. Try, in another terminal:'),
    ...steps.map(([line, purpose]) => `  ${colors.cyan(line.padEnd(width))}  ${colors.dim(purpose)}`),
    colors.dim('Ctrl-C ends the distributor and its workers; the tasks stay.'),
  ]
}
