/** `npm run bench`: builds what is old and runs the benchmark under the pinned runtime; everything after `--` goes to it. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { bootstrap, root, stop } from './bootstrap.mjs'

const node = bootstrap()
const child = spawn(node, [join(root, 'bench/main.ts'), ...process.argv.slice(2)], { stdio: 'inherit' })

child.once('error', (error) => stop(`could not start: ${error.message}`))
// A Ctrl-C reaches both; the benchmark ends its own children and then itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
