/**
 * `npm run cluster`: the whole architecture on one machine. RabbitMQ, PostgreSQL and an S3 server of its own (or those that CHASQUI_AMQP_URL,
 * CHASQUI_DATABASE_URL and CHASQUI_OBJECTS name), two distributors behind HAProxy, two workers, and the two tests of the seed.
 * It stays up until Ctrl-C; `npm run cluster -- --once` ends after the tests, with exit code 0 if every result is right.
 */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { bootstrap, root, stop } from './bootstrap.mjs'

const node = bootstrap()
// Its standard input closes when this process ends, however it does: then everything that was started is ended.
const child = spawn(node, [join(root, 'scripts/cluster/main.ts'), ...process.argv.slice(2)], {
  stdio: ['pipe', 'inherit', 'inherit'],
})
child.once('error', (error) => stop(`could not start: ${error.message}`))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.once('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
