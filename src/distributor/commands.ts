/** The table of contents of the server: every method, the right that it takes, and what answers it. */

import { METHODS, type MethodName } from '../wire/protocol.ts'
import { answering, type Command, type NeededRight, reading } from './command.ts'
import * as cron from './commands/cron.ts'
import * as operator from './commands/operator.ts'
import * as queue from './commands/queue.ts'
import * as session from './commands/session.ts'
import { submit } from './commands/submit.ts'
import * as task from './commands/task.ts'
import * as work from './commands/work.ts'
import { discover } from './discover.ts'

type Run = Command['run']

const TABLE: Readonly<Record<MethodName, readonly [NeededRight, Run, 'checks its params'?]>> = {
  'session.hello': ['none', answering(session.hello)],
  'session.ping': ['none', answering(session.ping)],
  'rpc.discover': ['any', answering((context) => discover(context.version))],

  'task.submit': ['submit', submit, 'checks its params'],
  'task.get': ['read', reading(task.get)],
  'task.list': ['read', reading(task.list)],
  'task.wait': ['read', answering(task.wait)],
  'task.watch': ['read', following(task.watch)],
  'task.unwatch': ['read', answering(task.unwatch)],
  'task.log': ['read', reading(task.log)],
  'task.explain': ['read', reading(task.explain)],
  'task.cancel': ['cancel', answering(task.cancel)],
  'task.retry': ['retry', answering(task.retry)],

  'work.consume': ['work', following(work.consume)],
  'work.stop': ['work', answering(work.stop)],
  'work.settle': ['work', work.settle, 'checks its params'],
  'work.extend': ['work', answering(work.extend), 'checks its params'],
  'work.release': ['work', answering(work.release), 'checks its params'],
  'work.progress': ['work', answering(work.progress), 'checks its params'],
  'work.log': ['work', answering(work.log), 'checks its params'],

  'cron.put': ['cron', answering(cron.put)],
  'cron.list': ['observe', reading(cron.list)],
  'cron.delete': ['cron', answering(cron.remove)],
  'cron.pause': ['cron', answering(cron.pause)],
  'cron.resume': ['cron', answering(cron.resume)],
  'cron.run': ['cron', answering(cron.run)],

  'queue.list': ['observe', answering(queue.list)],
  'queue.pause': ['admin', answering(queue.pause)],
  'queue.drain': ['admin', answering(queue.drain)],
  'queue.resume': ['admin', answering(queue.resume)],
  'queue.define': ['admin', answering(queue.define)],
  'queue.purge': ['admin', answering(queue.purge)],
  'worker.drain': ['admin', answering(operator.drainWorker)],
  'worker.list': ['observe', answering(operator.workers)],
  'system.stats': ['observe', answering(operator.stats)],
}

/** A command that says something after its answer. */
function following(run: (...args: Parameters<Run>) => Promise<void>): Run {
  return (context, params, call) => {
    run(context, params, call).catch((error: unknown) => call.fail(error))
  }
}

export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries(TABLE).map(([method, [right, run, checks]]) => [
    method,
    { ...METHODS[method as MethodName], right, run, checksParams: checks !== undefined },
  ]),
)
