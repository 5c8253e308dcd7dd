/**
 * The promises of the engine port, one suite for every engine. What is written in src/engine/engine.ts has a test here; an engine
 * that passes can stand behind the distributor, the client and the worker unseen.
 */

import { describe, test } from 'node:test'
import { type EngineUnderTest, Stage } from './harness.ts'
import { cancelling } from './promises/cancelling.ts'
import { closing } from './promises/closing.ts'
import { consuming } from './promises/consuming.ts'
import { counting } from './promises/counting.ts'
import { cron, cronReopening } from './promises/cron.ts'
import { deduplicating } from './promises/deduplicating.ts'
import { defining } from './promises/defining.ts'
import { delivering } from './promises/delivering.ts'
import { expiring } from './promises/expiring.ts'
import { explaining } from './promises/explaining.ts'
import { leasing } from './promises/leasing.ts'
import { listing } from './promises/listing.ts'
import { measuring } from './promises/measuring.ts'
import { pausing } from './promises/pausing.ts'
import { reopening } from './promises/reopening.ts'
import { reporting } from './promises/reporting.ts'
import { retaining } from './promises/retaining.ts'
import { retrying } from './promises/retrying.ts'
import { reviving } from './promises/reviving.ts'
import { settling } from './promises/settling.ts'
import { sparing } from './promises/sparing.ts'
import { submitting } from './promises/submitting.ts'
import { waiting } from './promises/waiting.ts'
import { watching } from './promises/watching.ts'

/** Registers one promise. */
export type Promised = (sentence: string, proof: (stage: Stage) => Promise<void>) => void

const TEST_TIMEOUT_MS = 60_000

export function conformance(name: string, under: EngineUnderTest): void {
  const promised: Promised = (sentence, proof) => {
    test(sentence, { timeout: TEST_TIMEOUT_MS }, async () => {
      const harness = await under.open()
      try {
        await proof(new Stage(under, harness))
      } finally {
        await harness.dispose()
      }
    })
  }
  describe(`${name}: submitting`, () => submitting(promised))
  describe(`${name}: deduplicating`, () => deduplicating(promised))
  describe(`${name}: delivering`, () => delivering(promised))
  describe(`${name}: consuming`, () => consuming(promised))
  describe(`${name}: settling`, () => settling(promised))
  describe(`${name}: retrying after failures`, () => retrying(promised))
  describe(`${name}: leasing`, () => leasing(promised))
  describe(`${name}: sparing`, () => sparing(promised))
  describe(`${name}: cancelling`, () => cancelling(promised))
  describe(`${name}: reviving by hand`, () => reviving(promised))
  describe(`${name}: expiring`, () => expiring(promised))
  describe(`${name}: waiting`, () => waiting(promised))
  describe(`${name}: watching`, () => watching(promised))
  describe(`${name}: listing`, () => listing(promised))
  describe(`${name}: reporting`, () => reporting(promised))
  describe(`${name}: counting`, () => counting(promised))
  describe(`${name}: measuring`, () => measuring(promised))
  describe(`${name}: retaining`, () => retaining(promised))
  describe(`${name}: pausing, draining, purging`, () => pausing(promised))
  describe(`${name}: defining queues`, () => defining(promised))
  describe(`${name}: cron`, () => cron(promised))
  describe(`${name}: explaining`, () => explaining(promised))
  describe(`${name}: closing`, () => closing(promised))
  if (under.durable) {
    describe(`${name}: reopening`, () => reopening(promised))
    describe(`${name}: cron, reopening`, () => cronReopening(promised))
  }
}
