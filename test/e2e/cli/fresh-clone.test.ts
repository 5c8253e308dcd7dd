/** The README's first command, as a newcomer gives it: a clone in a new folder, nothing installed, whatever Node the system has. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runLines } from '../../support/lines.ts'
import { needProgram } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Without what `npm test` and node:test put there, and without the pinned Node in front of the system's. */
function newcomersEnvironment(): NodeJS.ProcessEnv {
  const foreign =
    /^(npm_(package|lifecycle|command|execpath|node_execpath)|NODE_(TEST|OPTIONS|CHANNEL)|CHASQUI_|INIT_CWD)/i
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules'))
    .join(delimiter)
  return { ...Object.fromEntries(kept), PATH: path }
}

test(
  'a fresh clone installs, builds, plays the demo and ends with 0',
  needProgram('git'),
  async (context) => {
    const clone = join(temporaryFolder(context, 'clone'), 'chasqui')
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', ROOT, clone])
    const npm = runLines(
      context,
      'npm',
      [
        '--prefix',
        clone,
        'start',
        '--',
        '--once',
        '--port',
        '0',
        '--http-port',
        '0',
        '--engine',
        `embedded:${join(clone, 'data')}`,
      ],
      { env: newcomersEnvironment() },
    )
    const ended = await npm.exited
    assert.deepEqual(ended, { code: 0, signal: null }, npm.errorText.slice(-4_000))
    assert.ok(npm.lines.includes('  All 12 results are right.'), npm.lines.join('\n'))
  },
)
