/**
 * `npm run setup`: the programs that tests and benchmarks run besides Node. Chasqui itself needs none of them.
 *
 * Installs only what is missing, and only as root on Debian or its kin; elsewhere it says what to install. It starts no service: tests run
 * private instances on free ports, so a package's own service is kept from starting.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { findProgram, PROGRAMS } from './programs.mjs'

const POLICY = '/usr/sbin/policy-rc.d'

const missing = PROGRAMS.filter(({ isThere }) => !isThere())
if (missing.length === 0) {
  say('everything that tests and benchmarks need is installed.')
} else if (process.getuid?.() === 0 && findProgram('apt-get') !== null) {
  install([...new Set(missing.flatMap(({ debian }) => debian))])
} else {
  for (const { name, debian, purpose } of missing)
    say(`missing: ${name} (Debian: ${debian.join(' ')}), for ${purpose}`)
  say('tests that need them are skipped, and fail where CI=true.')
}

function install(packages) {
  // policy-rc.d is how Debian lets an administrator forbid that an installation starts services (Debian Policy 9.3.3.1).
  const ownPolicy = !existsSync(POLICY)
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    if (!aptGet(['install', '-y', '--no-install-recommends', ...packages])) {
      aptGet(['update'])
      if (!aptGet(['install', '-y', '--no-install-recommends', ...packages])) process.exitCode = 1
    }
  } finally {
    if (ownPolicy) rmSync(POLICY, { force: true })
  }
}

function aptGet(args) {
  say(`apt-get ${args.join(' ')}`)
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return (
    spawnSync('apt-get', ['-q', ...args], { stdio: ['ignore', 'inherit', 'inherit'], env: environment })
      .status === 0
  )
}

function say(sentence) {
  process.stderr.write(`setup: ${sentence}\n`)
}
