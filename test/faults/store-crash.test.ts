/** One process, one store, killed at whatever it is doing, again and again. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isFinal, type TaskState } from '../../src/task/lifecycle.ts'
import type { Lease } from '../../src/task/outcome.ts'
import { type LineProcess, runLines } from '../support/lines.ts'
import { openRandom } from '../support/random.ts'
import { LATE_VALUE, type StoreFact, type StoreLoadSetting } from '../support/store-load.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { copyStore, lookAtStore, type StoreLook } from './store-file.ts'
import { ROUNDS } from './system.ts'

const LOAD = fileURLToPath(new URL('../support/store-load.ts', import.meta.url))
const KILLS = 15

/** What was confirmed of one task, as far as nothing that was under way at a kill can have changed it. */
interface Known {
  /** The last state that was confirmed and that nothing but a retry by hand leads out of; null: not known. */
  final: TaskState | null
  value: string | undefined
  /** Epochs that were settled, or fenced off by a cancel. */
  over: Set<number>
}

class Ledger {
  readonly tasks = new Map<string, Known>()
  confirmed = 0

  take({ lines }: LineProcess): void {
    for (const line of lines) {
      const fact = JSON.parse(line) as StoreFact
      if (fact.is === 'open') continue
      this.confirmed++
      if (fact.is === 'accepted') for (const id of fact.ids) this.#of(id)
      else if (fact.is === 'reviving') for (const id of fact.ids) this.#of(id).final = null
      else {
        const known = this.#of(fact.id)
        known.final = fact.state !== null && isFinal(fact.state) ? fact.state : null
        known.value = fact.value
        if (fact.epoch !== null) known.over.add(fact.epoch)
      }
    }
  }

  /** Leases whose end was confirmed; of a task whose result is theirs a repetition is accepted, and changes nothing. */
  over(): Lease[] {
    return [...this.tasks].flatMap(([id, { over }]) => [...over].map((epoch) => ({ id, epoch })))
  }

  violations({ tasks, faults, leased }: StoreLook): string[] {
    const said = [...faults]
    for (const [id, { final, value, over }] of this.tasks) {
      const stored = tasks.get(id)
      if (stored === undefined) {
        said.push(`${id} was confirmed and is not there`)
        continue
      }
      if (stored.final?.value === LATE_VALUE) said.push(`${id} has the value of a worker that was too late`)
      const epoch = leased.get(id)
      if (epoch !== undefined && over.has(epoch))
        said.push(`${id} is leased under ${epoch} again, which is over`)
      if (final === null) continue
      if (stored.final?.state !== final)
        said.push(`${id} was told ${final} and is ${stored.final?.state ?? 'live'}`)
      if (value !== undefined && stored.final?.value !== value) {
        said.push(`${id} was told recorded with ${value} and has ${stored.final?.value}`)
      }
    }
    return said
  }

  #of(id: string): Known {
    let known = this.tasks.get(id)
    if (known === undefined) {
      known = { final: null, value: undefined, over: new Set() }
      this.tasks.set(id, known)
    }
    return known
  }
}

describe('a store', () => {
  test(`whose owner is killed ${KILLS} times at random moments keeps all that was confirmed, and makes sense each time`, async (context) => {
    const random = openRandom(context)
    const folder = temporaryFolder(context, 'crash')
    const dir = join(folder, 'store')
    const over = join(folder, 'over.json')
    const ledger = new Ledger()
    for (let round = 0; round < KILLS * ROUNDS; round++) {
      writeFileSync(over, JSON.stringify(ledger.over()))
      const setting: StoreLoadSetting = { dir, round, seed: random.below(2 ** 32), over }
      const load = runLines(context, process.execPath, [LOAD, JSON.stringify(setting)])
      const facts = 1 + random.below(400)
      await load.line(`${facts} facts`, () => load.lines.length > facts)
      await load.kill('SIGKILL')
      ledger.take(load)
      // What lies there now, and not what the next owner makes of it.
      const copy = join(folder, `copy-${round}`)
      copyStore(dir, copy)
      const violations = ledger.violations(lookAtStore(copy))
      assert.equal(violations.length, 0, `after kill ${round + 1}:\n${violations.slice(0, 20).join('\n')}`)
    }
    const { tasks } = lookAtStore(dir)
    const counts = { kills: KILLS * ROUNDS, facts: ledger.confirmed, over: ledger.over().length }
    context.diagnostic(JSON.stringify({ ...counts, tasks: tasks.size }))
    assert.ok(ledger.confirmed > KILLS * 10)
  })
})
