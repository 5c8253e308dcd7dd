/** An engine whose connection can be cut, and whose answers can be lost: what a worker meets behind a network. */

import type { Consumer, ConsumerEnd, Engine } from '../../../src/engine/engine.ts'
import { ChasquiError } from '../../../src/task/errors.ts'

export interface FaultyEngine extends Engine {
  /** Ends all consumers as lost and lets every call fail until `heal`. */
  cut(): void
  heal(): void
  /** The next settles are carried out, but their answers are lost. */
  loseAnswers(count: number): void
  /** Instead of the next settle; null: the real one again. */
  onSettle: Engine['settle'] | null
  /** Settles that were asked for. */
  readonly settles: number
  readonly extensions: number
}

const lost = () => new ChasquiError('CONNECTION_LOST', 'the connection is cut')

export function faultyEngine(inner: Engine): FaultyEngine {
  let isCut = false
  let answersToLose = 0
  let settles = 0
  let extensions = 0
  const consumers = new Map<Consumer, (end: ConsumerEnd) => void>()

  const whileUp =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      if (isCut) throw lost()
      return call(...args)
    }

  const engine: FaultyEngine = {
    kind: 'faulty',
    cron: inner.cron,
    onSettle: null,
    get settles() {
      return settles
    },
    get extensions() {
      return extensions
    },
    cut() {
      isCut = true
      for (const [consumer, end] of consumers) {
        void consumer.stop({ lost: true })
        end({ reason: 'failed', error: lost() })
      }
      consumers.clear()
    },
    heal() {
      isCut = false
    },
    loseAnswers(count) {
      answersToLose = count
    },
    submit: whileUp((batch, durability) => inner.submit(batch, durability)),
    get: whileUp((ids, options) => inner.get(ids, options)),
    list: whileUp((query) => inner.list(query)),
    wait: whileUp((ids, timeoutMs, signal) => inner.wait(ids, timeoutMs, signal)),
    watch: whileUp((query, listener) => inner.watch(query, listener)),
    cancel: whileUp((ids) => inner.cancel(ids)),
    retry: whileUp((selection) => inner.retry(selection)),
    drainWorker: whileUp((worker) => inner.drainWorker(worker)),
    steer: whileUp((order) => inner.steer(order)),
    consume: whileUp(async (request, sink) => {
      const consumer = await inner.consume(request, {
        deliver: (deliveries) => {
          if (!isCut) sink.deliver(deliveries)
        },
        revoke: (leases) => {
          if (!isCut) sink.revoke(leases)
        },
      })
      const { promise, resolve } = Promise.withResolvers<ConsumerEnd>()
      void consumer.ended.then(resolve)
      const outer: Consumer = {
        id: consumer.id,
        ended: promise,
        resize: (slots, prefetch) => consumer.resize(slots, prefetch),
        stop: (options) => consumer.stop(options),
      }
      consumers.set(consumer, resolve)
      return outer
    }),
    settle: whileUp(async (outcomes) => {
      settles++
      if (engine.onSettle !== null) return engine.onSettle(outcomes)
      const answers = await inner.settle(outcomes)
      if (answersToLose > 0) {
        answersToLose--
        throw lost()
      }
      return answers
    }),
    extend: whileUp((leases, consumer) => {
      extensions++
      return inner.extend(leases, consumer)
    }),
    report: whileUp((reports) => inner.report(reports)),
    log: whileUp((id, after) => inner.log(id, after)),
    explain: whileUp((id) => inner.explain(id)),
    inspect: whileUp(() => inner.inspect()),
    close: () => inner.close(),
  }
  return engine
}
