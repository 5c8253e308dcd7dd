/** The servers below Chasqui: private ones, or those that the environment names. */

import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPostgreSql } from '../../test/support/postgresql.ts'
import { openRabbitMq } from '../../test/support/rabbitmq.ts'
import { openRadosgw } from '../../test/support/radosgw.ts'
import type { Scope } from '../../test/support/temporary.ts'
import { findCeph, findPostgreSql, findProgram, findRabbitMq, PROGRAMS } from '../programs.mjs'

/** Named like the settings of Chasqui, which its processes read from the same variables. */
const DATABASE = 'CHASQUI_DATABASE_URL'
const BROKER = 'CHASQUI_AMQP_URL'
const OBJECTS = 'CHASQUI_OBJECTS'

export interface Servers {
  readonly databaseUrl: string
  readonly amqpUrl: string
  /** A place as `--objects` takes it. */
  readonly objects: string
  /** What a process needs in its environment to use them. */
  readonly env: NodeJS.ProcessEnv
  /** For people. */
  readonly lines: readonly string[]
}

/** One sentence about what is not there and how to get it, or null. */
export function missingServers(): string | null {
  const wanted = [
    { name: 'PostgreSQL', isThere: findPostgreSql() !== null, variable: DATABASE },
    { name: 'RabbitMQ', isThere: findRabbitMq() !== null, variable: BROKER },
    { name: 'HAProxy', isThere: findProgram('haproxy') !== null, variable: null },
  ].filter(({ isThere, variable }) => !isThere && (variable === null || process.env[variable] === undefined))
  if (wanted.length === 0) return null
  const names = wanted.map(({ name }) => name).join(' and ')
  const packages = PROGRAMS.filter(({ name }) => wanted.some((one) => one.name === name)).flatMap(
    ({ debian }) => debian,
  )
  const variables = wanted.flatMap(({ variable }) => variable ?? [])
  const elsewhere = variables.length === 0 ? '' : `, or name one that runs in ${variables.join(' and ')}`
  return `${names} not found: run npm run setup (Debian, as root; it installs ${packages.join(' ')}), or install what is missing yourself${elsewhere}.`
}

export async function openServers(scope: Scope, say: (sentence: string) => void): Promise<Servers> {
  const [databaseUrl, amqpUrl, bucket] = await Promise.all([
    process.env[DATABASE] ?? privateDatabase(scope),
    process.env[BROKER] ?? privateBroker(scope),
    process.env[OBJECTS] === undefined
      ? privateObjects(scope, say)
      : { objects: process.env[OBJECTS], env: {} },
  ])
  // What is shown at the end is read by this process itself.
  Object.assign(process.env, bucket.env)
  return {
    databaseUrl,
    amqpUrl,
    objects: bucket.objects,
    env: {
      ...process.env,
      [DATABASE]: databaseUrl,
      [BROKER]: amqpUrl,
      [OBJECTS]: bucket.objects,
      CHASQUI_ENGINE: 'cluster',
    },
    lines: [
      `  PostgreSQL    ${withoutPassword(databaseUrl)}`,
      `  RabbitMQ      ${withoutPassword(amqpUrl)}`,
      `  objects       ${bucket.objects}`,
    ],
  }
}

async function privateDatabase(scope: Scope): Promise<string> {
  return await (await openPostgreSql(scope)).createDatabase('chasqui')
}

async function privateBroker(scope: Scope): Promise<string> {
  return await (await openRabbitMq(scope)).addVirtualHost('chasqui')
}

async function privateObjects(
  scope: Scope,
  say: (sentence: string) => void,
): Promise<{ readonly objects: string; readonly env: NodeJS.ProcessEnv }> {
  if (findCeph() !== null) {
    const { objects, env } = await (await openRadosgw(scope)).createBucket('chasqui')
    return { objects, env }
  }
  const dir = join(tmpdir(), 'objects')
  mkdirSync(dir)
  say(
    `an S3 server (radosgw) not found, so results go to a folder: run npm run setup (Debian, as root), or name a bucket in ${OBJECTS}.`,
  )
  return { objects: `file:${dir}`, env: {} }
}

function withoutPassword(text: string): string {
  return text.replace(/\/\/([^:@/]*):[^@/]*@/, '//$1:…@')
}
