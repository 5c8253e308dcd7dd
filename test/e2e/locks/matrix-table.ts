/**
 * Every method × every kind of identity × a queue (or key) of its own and a foreign one. What is expected is written out: `yes` it is done, `-` it is
 * answered exactly as if the task, queue or lease did not exist, `no` FORBIDDEN, `who` UNAUTHENTICATED.
 */

import type { Grant } from '../../../src/distributor/access/rights.ts'

const ALL = ['submit', 'read', 'cancel', 'retry', 'cron', 'observe'] as const
const inA = (...rights: Grant['rights']): { grants: readonly Grant[] } => ({
  grants: [{ rights, queues: ['a-*'] }],
})

export const WHO = {
  root: { roles: ['admin'] },
  clerk: inA(...ALL),
  tenant: { grants: [{ rights: ALL, queues: ['*'], keys: ['ana'] }] },
  reader: inA('read'),
  hand: inA('work'),
  sender: inA('submit'),
}
export const NAMES = [...Object.keys(WHO), 'stranger']

// The names above, in their order; own queue and key/foreign ones.
export const EXPECTED: Readonly<Record<string, string>> = {
  'session.hello': 'yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes',
  'session.ping': 'yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes',
  'rpc.discover': 'yes/yes yes/yes yes/yes yes/yes yes/yes yes/yes who/who',
  'task.submit': 'yes/yes yes/no yes/no no/no no/no yes/no who/who',
  'task.get': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.list': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.wait': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.watch': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.unwatch': 'yes/yes yes/yes yes/yes yes/yes no/no no/no who/who',
  'task.log': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.explain': 'yes/yes yes/- yes/- yes/- no/no no/no who/who',
  'task.cancel': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'task.retry': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'work.consume': 'yes/yes no/no no/no no/no yes/no no/no who/who',
  'work.stop': 'yes/yes no/no no/no no/no yes/yes no/no who/who',
  'work.settle': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.extend': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.release': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.progress': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'work.log': 'yes/yes no/no no/no no/no yes/- no/no who/who',
  'cron.put': 'yes/yes yes/no yes/no no/no no/no no/no who/who',
  'cron.list': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'cron.delete': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'cron.pause': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'cron.resume': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'cron.run': 'yes/yes yes/- yes/- no/no no/no no/no who/who',
  'queue.list': 'yes/yes yes/- -/- no/no no/no no/no who/who',
  'queue.pause': 'yes/yes no/no no/no no/no no/no no/no who/who',
  'queue.drain': 'yes/yes no/no no/no no/no no/no no/no who/who',
  'queue.resume': 'yes/yes no/no no/no no/no no/no no/no who/who',
  'queue.define': 'yes/yes no/no no/no no/no no/no no/no who/who',
  'queue.purge': 'yes/yes no/no no/no no/no no/no no/no who/who',
  'worker.drain': 'yes/yes no/no no/no no/no no/no no/no who/who',
  'worker.list': 'yes/yes yes/- -/- no/no no/no no/no who/who',
  'system.stats': 'yes/yes yes/- -/- no/no no/no no/no who/who',
}
