#!/usr/bin/env node
/** The program `chasqui`. Looks at the runtime before anything is imported that an older one does not have. */

const NODE_MAJOR_MIN = 24

// Whoever reads the output may have enough of it: `chasqui list | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(`chasqui: Node ${NODE_MAJOR_MIN} or newer is needed; this is ${process.version}.\n`)
  process.exitCode = 1
} else {
  // A secret on the command line is there for every process of the machine to read; what they read is this title.
  const hasSecret = /^--(token|database-url|amqp-url|otlp-endpoint|webhook-secret)(=|$)/
  if (process.argv.some((word) => hasSecret.test(word))) process.title = 'chasqui'
  const { run } = await import('./program.ts')
  await run(process.argv)
}
