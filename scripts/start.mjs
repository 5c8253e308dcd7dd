/**
 * `npm start`: a clone becomes a running system. Everything after `--` goes to `chasqui up`:
 * `npm start -- --once`, `npm start -- --port 5001`.
 */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { bootstrap, root, stop } from './bootstrap.mjs'

const node = bootstrap()
const main = join(root, 'dist/cli/main.js')
const child = spawn(node, [main, 'up', '--demo', ...process.argv.slice(2)], { stdio: 'inherit' })

child.once('error', (error) => stop(`could not start: ${error.message}`))
// Handed on, so that it does not matter which of the two processes a signal was meant for; `chasqui up` takes the echo of a Ctrl-C
// that the terminal gave it already for the same one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
