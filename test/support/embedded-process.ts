/**
 * A process that owns an embedded store and does one thing with it, told by its first argument. Tests start it, watch its lines
 * on standard output and kill it. Lines are written synchronously, so that what was printed had happened.
 */

import { writeSync } from 'node:fs'
import { openEmbeddedEngine } from '../../src/engine/embedded/embedded-engine.ts'
import { submission } from './submissions.ts'

const [what, dir, argument = ''] = process.argv.slice(2)

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

const engine = await openEmbeddedEngine({ dir: dir! })
say('OPEN')
if (what === 'confirm-one') {
  await engine.submit([submission(argument)], 'disk')
  say(`CONFIRMED ${argument}`)
  await engine.close()
} else if (what === 'confirm-again') {
  // Not synced, and submitted again at once with a higher wish: the duplicate writes nothing of its own.
  await engine.submit([submission(argument)], 'relaxed')
  say(`RELAXED ${argument}`)
  const [receipt] = await engine.submit([submission(argument)], 'disk')
  say(`CONFIRMED ${JSON.stringify(receipt)}`)
  await engine.close()
} else if (what === 'confirm-many') {
  // Until killed: batches of changing size, each said only when it is confirmed.
  for (let batch = 0; ; batch++) {
    const size = 1 + ((batch * 7) % 50)
    const ids = Array.from({ length: size }, (_, at) => `${argument}-${batch}-${at}`)
    await engine.submit(
      ids.map((id) => submission(id)),
      'disk',
    )
    say(`CONFIRMED ${ids.join(' ')}`)
  }
} else if (what === 'hold') {
  // Owns the store until killed.
  setInterval(() => undefined, 60_000)
}
