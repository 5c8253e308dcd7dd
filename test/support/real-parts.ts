/** What a machine may lack: a test that needs it skips visibly on a laptop and fails where CI says that everything must be there. */

import { spawnSync } from 'node:child_process'
import {
  findCeph,
  findNginxStream,
  findPika,
  findPostgreSql,
  findProgram,
  findRabbitMq,
} from '../../scripts/programs.mjs'

const HOW = 'is not installed (npm run setup installs it where root on Debian)'

export interface Need {
  /** For `test(name, { skip })`: false, or why not. */
  readonly skip: string | false
}

export function needProgram(program: string, versionFlag = '--version'): Need {
  const found = spawnSync(program, [versionFlag], { stdio: 'ignore' }).error === undefined
  return need(found, `${program} ${HOW}`)
}

export function needRabbitMq(): Need {
  return need(findRabbitMq() !== null, `RabbitMQ ${HOW}`)
}

export function needPostgreSql(): Need {
  return need(findPostgreSql() !== null, `PostgreSQL ${HOW}`)
}

/** Ceph's S3 gateway with the rest of a small Ceph. */
export function needRadosgw(): Need {
  return need(findCeph() !== null, `Ceph (radosgw, ceph-mon, ceph-osd, ceph-common) ${HOW}`)
}

/** RabbitMQ, PostgreSQL and S3 at once: what the cluster engine stands on. */
export function needCluster(): Need {
  return (
    [needRabbitMq(), needPostgreSql(), needRadosgw()].find(({ skip }) => skip !== false) ?? { skip: false }
  )
}

export function needHaproxy(): Need {
  return need(findProgram('haproxy') !== null, `HAProxy ${HOW}`)
}

export function needNginxStream(): Need {
  return need(findNginxStream() !== null, `nginx with its stream module ${HOW}`)
}

/** The AMQP client of Python. */
export function needPika(): Need {
  return need(findPika() !== null, `pika ${HOW}`)
}

/** Debian's browser, for the web page. */
export function needChromium(): Need {
  return need(findProgram('chromium') !== null, `Chromium ${HOW}`)
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
