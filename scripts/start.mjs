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
// A terminal sends Ctrl-C to the whole group, so the child has it already; this process only has to outlive it. A signal
// that was sent to this process alone is handed on.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
