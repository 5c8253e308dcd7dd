/** How each line of the matrix is tried: what is asked, what must be there before, and whether the answer says that it was done or seen. */

import type { WireClient } from '../../support/wire-client.ts'
import type { WireServer } from '../../support/wire-server.ts'

export interface Place {
  readonly queue: string
  readonly key: string
}
export const OWN: Place = { queue: 'a-mail', key: 'ana' }
export const FOREIGN: Place = { queue: 'b-mail', key: 'bob' }

// biome-ignore lint/suspicious/noExplicitAny: whatever the wire says.
export type Reply = any
/** What is asked, and whether the result says that it was done or seen. */
type Probe = (
  stage: Stage,
  place: Place,
) => Promise<
  readonly [params: object, isDone: (result: Reply, wire: WireClient) => boolean | Promise<boolean>]
>

const always: Probe = async () => [{}, () => true]
const onTask =
  (isDone: (result: Reply) => boolean): Probe =>
  async (stage, place) => [{ ids: [await stage.queued(place)] }, isDone]
const onLease =
  (params: (lease: { id: string; epoch: number }) => object, isDone: (result: Reply) => boolean): Probe =>
  async (stage, place) => [params(await stage.running(place)), isDone]
/** On a queue beside it, for what is paused stays so. */
const onQueue =
  (isDone: (result: Reply) => boolean): Probe =>
  async (_, { queue }) => [{ queue: `${queue}-steered` }, isDone]
const naming: Probe = async (_, { queue }) => [{}, (result) => JSON.stringify(result).includes(`"${queue}"`)]

const onSchedule =
  (isDone: (result: Reply) => boolean, isPaused = false): Probe =>
  async (stage, place) => [{ name: await stage.scheduled(place, isPaused) }, isDone]

export const PROBES: Readonly<Record<string, Probe>> = {
  'session.hello': always,
  'session.ping': always,
  'rpc.discover': always,
  'task.submit': async (_, { queue, key }) => [
    { tasks: [{ id: id(), type: 'sumar', queue, key }] },
    ({ receipts }) => receipts[0].state === 'queued',
  ],
  'task.get': onTask(({ tasks }) => tasks[0] !== null),
  'task.list': async (stage, place) => {
    await stage.queued(place)
    return [{ queue: place.queue }, ({ tasks }) => tasks.length > 0]
  },
  'task.wait': async (stage, place) => [
    { ids: [await stage.queued(place)], timeoutMs: 20 },
    ({ tasks }) => tasks[0] !== null,
  ],
  'task.watch': async (stage, place) => [
    {},
    async (_, wire) => {
      const wanted = await stage.queued(place)
      // Events keep their order: when one comes that everybody here sees, what was before it has come, or never will.
      const after = await stage.queued(OWN)
      const came = (task: string) => wire.lines.some((line) => line.includes(`"${task}"`))
      await wire.until('an event of its own', () => came(after))
      return came(wanted)
    },
  ],
  'task.unwatch': async () => [{ watch: 'w9' }, () => true],
  'task.log': async (stage, place) => [{ id: await stage.failed(place) }, ({ lines }) => lines.length > 0],
  'task.explain': async (stage, place) => [
    { id: await stage.queued(place) },
    ({ explanation }) => explanation !== null,
  ],
  'task.cancel': onTask(({ tasks }) => tasks[0]?.changed === true),
  'task.retry': async (stage, place) => [
    { ids: [await stage.failed(place)] },
    ({ tasks }) => tasks[0]?.changed === true,
  ],
  'work.consume': async (_, { queue }) => [
    { queues: [queue], types: ['nothing'] },
    ({ consumer }) => consumer !== undefined,
  ],
  'work.stop': async () => [{ consumer: 'c9' }, () => true],
  'work.settle': onLease(
    (lease) => ({ outcomes: [{ ...lease, kind: 'returned', value: 1 }] }),
    ({ settled }) => settled[0].accepted,
  ),
  'work.extend': onLease(
    (lease) => ({ leases: [lease] }),
    ({ extended }) => extended[0].accepted,
  ),
  'work.release': onLease(
    (lease) => ({ leases: [lease] }),
    ({ released }) => released[0].accepted,
  ),
  'work.progress': onLease(
    (lease) => ({ ...lease, done: 1 }),
    ({ accepted }) => accepted,
  ),
  'work.log': onLease(
    (lease) => ({ ...lease, lines: [{ level: 'info', text: 'x' }] }),
    ({ accepted }) => accepted,
  ),
  'cron.put': async (_, place) => [schedule(place), ({ created }) => created],
  'cron.list': async (stage, place) => {
    const name = await stage.scheduled(place, false)
    return [{ names: [name] }, ({ schedules }) => schedules.some((one: Reply) => one.name === name)]
  },
  'cron.delete': onSchedule(({ deleted }) => deleted),
  'cron.pause': onSchedule(({ changed }) => changed),
  'cron.resume': onSchedule(({ changed }) => changed, true),
  'cron.run': onSchedule(({ state }) => state === 'queued'),
  'queue.list': naming,
  'queue.pause': onQueue(({ settings }) => settings.mode === 'paused'),
  'queue.drain': onQueue(({ settings }) => settings.mode === 'draining'),
  'queue.resume': onQueue(({ settings }) => settings.mode === 'open'),
  'queue.define': onQueue(({ settings }) => settings !== undefined),
  'queue.purge': onQueue(({ purged }) => purged === 0),
  // Whose worker takes from both: nobody but root may steer all of its queues.
  'worker.drain': async () => [{ worker: 'nobody' }, ({ consumers }) => consumers === 0],
  'worker.list': naming,
  'system.stats': naming,
}

let made = 0
export function id(): string {
  return `task-${++made}`
}

/** One that does not tick while the test lasts. */
function schedule({ queue, key }: Place): object {
  return { name: id(), expression: '0 0 29 2 *', task: { type: 'sumar', queue, key } }
}

export class Stage {
  readonly #root: WireClient

  constructor(root: WireClient) {
    this.#root = root
  }

  async open(): Promise<void> {
    await this.#root.ask('work.consume', {
      queues: [OWN.queue, FOREIGN.queue],
      types: ['lease'],
      slots: 1000,
      prefetch: 1,
    })
  }

  async queued({ queue, key }: Place): Promise<string> {
    const { receipts } = await this.#root.ask('task.submit', {
      tasks: [{ id: id(), type: 'sumar', queue, key }],
    })
    return receipts[0].id
  }

  async scheduled(place: Place, isPaused: boolean): Promise<string> {
    const { name } = await this.#root.ask('cron.put', schedule(place))
    if (isPaused) await this.#root.ask('cron.pause', { name })
    return name
  }

  async running({ queue, key }: Place): Promise<{ id: string; epoch: number }> {
    const task = { id: id(), type: 'lease', queue, key }
    await this.#root.ask('task.submit', { tasks: [task] })
    const isMine = (message: Reply) =>
      message.params?.deliveries?.some((delivery: Reply) => delivery.task.id === task.id)
    const { params } = await this.#root.find('the delivery', isMine)
    const { epoch } = params.deliveries.find((delivery: Reply) => delivery.task.id === task.id)
    return { id: task.id, epoch }
  }

  async failed(place: Place): Promise<string> {
    const lease = await this.running(place)
    await this.#root.ask('work.log', { ...lease, lines: [{ level: 'info', text: 'a line' }] })
    const outcome = { ...lease, kind: 'threw', error: { message: 'no', retryable: false } }
    await this.#root.ask('work.settle', { outcomes: [outcome] })
    return lease.id
  }
}

export async function probe(
  server: WireServer,
  token: string | undefined,
  method: string,
  stage: Stage,
  place: Place,
): Promise<string> {
  const [params, isDone] = await PROBES[method]!(stage, place)
  const wire = await server.connect()
  if (token !== undefined) await wire.ask('session.hello', { token })
  const reply = await wire.call(method, params)
  const name = reply.error?.data.name ?? reply.error?.code
  const answer =
    name === 'FORBIDDEN'
      ? 'no'
      : name === 'UNAUTHENTICATED'
        ? 'who'
        : name === 'SCHEDULE_UNKNOWN'
          ? '-'
          : name !== undefined
            ? `error ${name}`
            : (await isDone(reply.result, wire))
              ? 'yes'
              : '-'
  wire.destroy()
  return answer
}
