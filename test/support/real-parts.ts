/** What a machine may lack: a test that needs it skips visibly on a laptop and fails where CI says that everything must be there. */

import { spawnSync } from 'node:child_process'

export interface Need {
  /** For `test(name, { skip })`: false, or why not. */
  readonly skip: string | false
}

export function needProgram(program: string, versionFlag = '--version'): Need {
  const found = spawnSync(program, [versionFlag], { stdio: 'ignore' }).error === undefined
  return need(found, `${program} is not installed (npm run setup installs it where root on Debian)`)
}

/** Mounting small file systems and the like. */
export function needRoot(): Need {
  return need(process.platform === 'linux' && process.getuid?.() === 0, 'needs root on Linux')
}

function need(there: boolean, why: string): Need {
  if (there) return { skip: false }
  if (process.env.CI === 'true') throw new Error(`CI=true and ${why}`)
  return { skip: why }
}
