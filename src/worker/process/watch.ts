/**
 * A thread of a handler process: kills the process and all that it started when the worker is gone, also while a handler blocks the main thread.
 * The worker's end of this pipe closes with it, whatever it died of.
 */

import { Socket } from 'node:net'

const PIPE_FD = 3

const pipe = new Socket({ fd: PIPE_FD, readable: true, writable: false })
pipe.on('error', () => {})
pipe.on('close', () => {
  // The process leads its group.
  process.kill(-process.pid, 'SIGKILL')
})
pipe.resume()
