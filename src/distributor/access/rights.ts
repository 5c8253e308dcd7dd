/**
 * Who somebody is and what he may: rights × queues × keys. One pure question, asked everywhere: `allows`.
 *
 * Invariant: what no grant says is not allowed.
 */

/** What a method of the table takes. `none`: anybody who can connect. */
export const RIGHTS = [
  'submit',
  'read',
  'cancel',
  'retry',
  'work',
  'cron',
  'observe',
  'metrics',
  'admin',
] as const
export type Right = (typeof RIGHTS)[number]

/** Who has `admin` has them all. */
export interface Grant {
  readonly rights: readonly Right[]
  /** Names of queues; `*` stands for any characters. */
  readonly queues: readonly string[]
  /** Only tasks with one of these keys (tenants). Absent: with any, or none. */
  readonly keys?: readonly string[]
}

/** Of one identity. */
export interface IdentityLimits {
  /** Submitted, over all connections of this identity to one distributor. */
  readonly tasksPerSecond?: number
  /** Of their data. */
  readonly bytesPerSecond?: number
  /** Of the data of its tasks that are kept, waiting or final, in the whole store. */
  readonly storedBytes?: number
}

export interface Identity {
  readonly kind: 'anonymous' | 'token' | 'certificate' | 'internal'
  /** Of the token, or the subject of the certificate: what finds it again. */
  readonly id: string
  /** For people. */
  readonly name: string
  readonly grants: readonly Grant[]
  readonly limits: IdentityLimits
  readonly expiresAtMs: number | null
}

export const EVERYTHING: Grant = { rights: ['admin'], queues: ['*'] }

/** Whoever needs no name because nothing is locked. */
export const NOBODY_IN_PARTICULAR: Identity = {
  kind: 'anonymous',
  id: 'anonymous',
  name: 'anonymous',
  grants: [EVERYTHING],
  limits: {},
  expiresAtMs: null,
}

/** @param key of the task; null: it has none */
export function allows(identity: Identity, right: Right, queue: string, key: string | null): boolean {
  return identity.grants.some(
    (grant) =>
      hasRight(grant, right) &&
      (grant.keys === undefined || (key !== null && grant.keys.includes(key))) &&
      grant.queues.some((pattern) => fitsPattern(pattern, queue)),
  )
}

/** Whether it has the right for anything at all. */
export function mayEver(identity: Identity, right: Right): boolean {
  return identity.grants.some((grant) => hasRight(grant, right))
}

/** Whether it has the right for everything: then nothing has to be looked at. */
export function mayAlways(identity: Identity, right: Right): boolean {
  return identity.grants.some(
    (grant) => hasRight(grant, right) && grant.keys === undefined && grant.queues.includes('*'),
  )
}

/** The key of its tasks where it can have only one; null: it may use several, or need not have any. */
export function onlyKey(identity: Identity, right: Right, queue: string): string | null {
  const keys = new Set<string>()
  for (const grant of identity.grants) {
    if (!hasRight(grant, right) || !grant.queues.some((pattern) => fitsPattern(pattern, queue))) continue
    if (grant.keys === undefined) return null
    for (const key of grant.keys) keys.add(key)
  }
  return keys.size === 1 ? [...keys][0]! : null
}

function hasRight({ rights }: Grant, right: Right): boolean {
  return rights.includes(right) || rights.includes('admin')
}

/** By hand and not as a regular expression: a pattern of a thousand stars must not cost more than its length. */
export function fitsPattern(pattern: string, text: string): boolean {
  if (pattern === '*') return true
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return pattern === text
  const last = rest.pop()!
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false
  const end = text.length - last.length
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
