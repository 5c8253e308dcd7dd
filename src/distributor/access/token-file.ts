/**
 * The file of `--tokens`: roles, tokens, subjects of certificates, and what somebody without a name may. Written by `chasqui token`, and by
 * hand for roles.
 *
 * Pure. Invariants: no secret is in it, only salted hashes; a mistake anywhere refuses all of it, with a sentence that says where: half of the rights
 * is worse than the old ones.
 */

import { ChasquiError } from '../../task/errors.ts'
import { type Grant, type IdentityLimits, RIGHTS, type Right } from './rights.ts'
import type { TokenProof } from './token.ts'

export interface TokenEntry extends TokenProof {
  readonly id: string
  readonly name: string
  readonly roles: readonly string[]
  /** Besides those of its roles. */
  readonly grants: readonly Grant[]
  readonly createdAt: string
  readonly expiresAt: string | null
  readonly limits: IdentityLimits
}

export interface CertificateEntry {
  /** `CN=ana`, or `O=shop, CN=ana`: all of it. */
  readonly subject: string
  readonly roles: readonly string[]
  readonly limits: IdentityLimits
}

export interface TokenFile {
  readonly roles: Readonly<Record<string, readonly Grant[]>>
  readonly tokens: readonly TokenEntry[]
  readonly certificates: readonly CertificateEntry[]
  /** Roles of whoever shows neither. */
  readonly anonymous: readonly string[]
}

const ANY_QUEUE = ['*'] as const

/** Roles that need not be written down. */
export const BUILT_IN_ROLES: Readonly<Record<string, readonly Grant[]>> = {
  admin: [{ rights: ['admin'], queues: ANY_QUEUE }],
  client: [{ rights: ['submit', 'read', 'cancel', 'observe'], queues: ANY_QUEUE }],
  worker: [{ rights: ['work'], queues: ANY_QUEUE }],
  viewer: [{ rights: ['read', 'observe'], queues: ANY_QUEUE }],
  monitor: [{ rights: ['metrics'], queues: ANY_QUEUE }],
  submitter: [{ rights: ['submit'], queues: ANY_QUEUE }],
}

export const EMPTY_TOKEN_FILE: TokenFile = { roles: {}, tokens: [], certificates: [], anonymous: [] }

const ENTRIES_MAX = 100_000
const NAME_LENGTH_MAX = 128

type Fields = Readonly<Record<string, unknown>>

/** @param from how a person named the file @throws ChasquiError CONFIG_INVALID */
export function parseTokenFile(text: string, from: string): TokenFile {
  const fail = (why: string): never => {
    throw new ChasquiError('CONFIG_INVALID', `${from}: ${why}`)
  }
  const object = (value: unknown, where: string, fields: readonly string[]): Fields => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      fail(`${where} must be an object`)
    const unknown = Object.keys(value as Fields).find((name) => !fields.includes(name))
    if (unknown !== undefined) fail(`${where} has a field "${unknown.slice(0, 64)}", which means nothing`)
    return value as Fields
  }
  const list = (value: unknown, where: string): readonly unknown[] => {
    if (value === undefined) return []
    if (!Array.isArray(value) || value.length > ENTRIES_MAX) fail(`${where} must be a list`)
    return value as unknown[]
  }
  const name = (value: unknown, where: string): string => {
    const isName = typeof value === 'string' && value.trim() !== '' && value.length <= NAME_LENGTH_MAX
    if (!isName || /[\u0000-\u001f\u007f]/.test(value))
      fail(`${where} must be a text of 1 to ${NAME_LENGTH_MAX} characters`)
    return value as string
  }
  const names = (value: unknown, where: string): string[] =>
    list(value, where).map((entry, index) => name(entry, `${where}[${index}]`))
  const grant = (value: unknown, where: string): Grant => {
    const { rights, queues = ANY_QUEUE, keys } = object(value, where, ['rights', 'queues', 'keys'])
    const known = names(rights, `${where}.rights`)
    const wrong = known.find((right) => !(RIGHTS as readonly string[]).includes(right))
    if (wrong !== undefined) fail(`${where}.rights has "${wrong}"; there are ${RIGHTS.join(', ')}`)
    return {
      rights: known as Right[],
      queues: names(queues, `${where}.queues`),
      ...(keys !== undefined && { keys: names(keys, `${where}.keys`) }),
    }
  }
  const grants = (value: unknown, where: string) =>
    list(value, where).map((entry, index) => grant(entry, `${where}[${index}]`))
  const limits = (value: unknown, where: string): IdentityLimits => {
    if (value === undefined) return {}
    const fields = object(value, where, ['tasksPerSecond', 'bytesPerSecond', 'storedBytes'])
    for (const [field, rate] of Object.entries(fields)) {
      if (typeof rate !== 'number' || !(rate > 0) || rate > 1e12)
        fail(`${where}.${field} must be a number above 0`)
    }
    return fields as IdentityLimits
  }
  const time = (value: unknown, where: string): string => {
    if (typeof value !== 'string' || Number.isNaN(Date.parse(value)))
      fail(`${where} must be a time like 2026-01-31T12:00:00Z`)
    return value as string
  }
  const hash = (value: unknown, where: string): string => {
    if (typeof value !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(value))
      fail(`${where} is not what \`chasqui token create\` writes`)
    return value as string
  }

  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Without the words of the parser, which repeat a piece of the file.
    fail('this is not JSON')
  }
  const file = object(value, 'the file', ['version', 'roles', 'tokens', 'certificates', 'anonymous'])
  if (file.version !== 1) fail('"version" must be 1')
  const roles: Record<string, readonly Grant[]> = Object.create(null)
  const written = file.roles ?? {}
  for (const [role, given] of Object.entries(object(written, 'roles', Object.keys(written as object)))) {
    if (Object.hasOwn(BUILT_IN_ROLES, role)) fail(`the role "${role}" is built in; choose another name`)
    roles[name(role, 'the name of a role')] = grants(given, `roles.${role}`)
  }
  const rolesOf = (value: unknown, where: string): string[] => {
    const asked = names(value, where)
    const missing = asked.find((role) => !(role in roles) && !Object.hasOwn(BUILT_IN_ROLES, role))
    if (missing !== undefined) fail(`${where} names a role "${missing}" that is not there`)
    return asked
  }
  const ids = new Set<string>()
  const tokens = list(file.tokens, 'tokens').map((value, index): TokenEntry => {
    const where = `tokens[${index}]`
    const token = object(value, where, [
      'id',
      'name',
      'roles',
      'grants',
      'createdAt',
      'expiresAt',
      'salt',
      'hash',
      'limits',
    ])
    const id = name(token.id, `${where}.id`)
    if (ids.has(id)) fail(`${where}.id is that of another token`)
    ids.add(id)
    return {
      id,
      name: name(token.name, `${where}.name`),
      roles: rolesOf(token.roles, `${where}.roles`),
      grants: grants(token.grants, `${where}.grants`),
      createdAt: time(token.createdAt, `${where}.createdAt`),
      expiresAt: (token.expiresAt ?? null) === null ? null : time(token.expiresAt, `${where}.expiresAt`),
      salt: hash(token.salt, `${where}.salt`),
      hash: hash(token.hash, `${where}.hash`),
      limits: limits(token.limits, `${where}.limits`),
    }
  })
  const certificates = list(file.certificates, 'certificates').map((value, index): CertificateEntry => {
    const where = `certificates[${index}]`
    const entry = object(value, where, ['subject', 'roles', 'limits'])
    return {
      subject: name(entry.subject, `${where}.subject`),
      roles: rolesOf(entry.roles, `${where}.roles`),
      limits: limits(entry.limits, `${where}.limits`),
    }
  })
  return { roles, tokens, certificates, anonymous: rolesOf(file.anonymous, 'anonymous') }
}

export function formatTokenFile({ roles, tokens, certificates, anonymous }: TokenFile): string {
  return `${JSON.stringify({ version: 1, roles, anonymous, certificates, tokens }, null, 2)}\n`
}

export function grantsOf(file: TokenFile, roles: readonly string[]): Grant[] {
  return roles.flatMap((role) => file.roles[role] ?? BUILT_IN_ROLES[role] ?? [])
}
