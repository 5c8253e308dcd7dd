/** The table of contents of the HTTP API, as far as it is commands of the wire: rights, limits, checks and errors are those of commands.ts. */

import type { CommandRoute } from './route.ts'

export const COMMAND_ROUTES: readonly CommandRoute[] = [
  {
    verb: 'GET',
    path: '/v1/tasks',
    command: 'task.list',
    query: ['state', 'type', 'queue', 'limit', 'cursor', 'data'],
  },
  { verb: 'POST', path: '/v1/tasks/get', command: 'task.get', body: true },
  { verb: 'POST', path: '/v1/tasks/wait', command: 'task.wait', body: true },
  { verb: 'POST', path: '/v1/tasks/cancel', command: 'task.cancel', body: true },
  { verb: 'POST', path: '/v1/tasks/retry', command: 'task.retry', body: true },
  {
    verb: 'GET',
    path: '/v1/tasks/:id',
    command: 'task.get',
    summary: 'What is known of this task.',
    id: 'ids',
    query: ['data'],
    only: 'tasks',
  },
  {
    verb: 'GET',
    path: '/v1/tasks/:id/wait',
    command: 'task.wait',
    summary: 'Answers when this task is final, at the deadline with the state reached.',
    id: 'ids',
    query: ['timeoutMs'],
    only: 'tasks',
  },
  {
    verb: 'POST',
    path: '/v1/tasks/:id/cancel',
    command: 'task.cancel',
    summary: 'Cancels this task in any state that is not final; answers with the state really reached.',
    id: 'ids',
    only: 'tasks',
  },
  {
    verb: 'POST',
    path: '/v1/tasks/:id/retry',
    command: 'task.retry',
    summary: 'Puts this failed, canceled or expired task back in the queue with fresh budgets.',
    id: 'ids',
    only: 'tasks',
  },
  { verb: 'GET', path: '/v1/tasks/:id/log', command: 'task.log', id: 'id', query: ['after'] },
  { verb: 'GET', path: '/v1/queues', command: 'queue.list' },
  { verb: 'POST', path: '/v1/queues/:id/pause', command: 'queue.pause', id: 'queue' },
  { verb: 'POST', path: '/v1/queues/:id/drain', command: 'queue.drain', id: 'queue' },
  { verb: 'POST', path: '/v1/queues/:id/resume', command: 'queue.resume', id: 'queue' },
  { verb: 'POST', path: '/v1/queues/:id/define', command: 'queue.define', id: 'queue', body: true },
  { verb: 'POST', path: '/v1/queues/:id/purge', command: 'queue.purge', id: 'queue', body: true },
  { verb: 'GET', path: '/v1/workers', command: 'worker.list' },
  { verb: 'GET', path: '/v1/stats', command: 'system.stats' },
]
