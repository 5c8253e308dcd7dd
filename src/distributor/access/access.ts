/**
 * Who is who: from a token or a certificate to an identity, by the file of `--tokens` as it is now.
 *
 * Invariants: an empty or unknown token is nobody; a secret is compared in constant time, and a token that is not known costs as much as one that is;
 * what was revoked, has expired or was changed is noticed for connections that are open, too (`verdict`).
 */

import { type Identity, NOBODY_IN_PARTICULAR } from './rights.ts'
import { isProof, NO_PROOF, readToken, type TokenProof } from './token.ts'
import { grantsOf, type TokenEntry, type TokenFile } from './token-file.ts'

export interface AccessOptions {
  /** Null: nothing is locked, or a certificate is the lock and opens everything. */
  readonly file: TokenFile | null
  /** Of a token that is in no file: for the workers that `up` starts itself. */
  readonly internal?: TokenProof & { readonly id: string }
}

export type Verdict = 'holds' | 'changed' | 'gone'

export class Access {
  #file: TokenFile | null
  readonly #internal: AccessOptions['internal']
  #byId = new Map<string, TokenEntry>()
  #anonymous: Identity = NOBODY_IN_PARTICULAR

  constructor({ file, internal }: AccessOptions) {
    this.#file = file
    this.#internal = internal
    if (file !== null) this.renew(file)
  }

  /** What is said from now on counts from now on. */
  renew(file: TokenFile): void {
    this.#file = file
    this.#byId = new Map(file.tokens.map((token) => [token.id, token]))
    this.#anonymous = { ...NOBODY_IN_PARTICULAR, grants: grantsOf(file, file.anonymous) }
  }

  /** Whether tokens are looked at at all. */
  get isLocked(): boolean {
    return this.#file !== null
  }

  /** Who has shown nothing. */
  get anonymous(): Identity {
    return this.#anonymous
  }

  /** Null: nobody. */
  byToken(text: string, nowMs: number): Identity | null {
    const read = readToken(text)
    if (read === null || this.#file === null) return null
    const entry = this.#byId.get(read.id)
    const internal = this.#internal?.id === read.id ? this.#internal : undefined
    if (!isProof(read.secret, internal ?? entry ?? NO_PROOF)) return null
    if (internal !== undefined) return INTERNAL
    if (entry === undefined) return null
    const identity = this.#ofToken(entry)
    return isOver(identity, nowMs) ? null : identity
  }

  /** Null: this one opens nothing by itself. */
  byCertificate(subject: string): Identity | null {
    const file = this.#file
    if (file === null) return { ...NOBODY_IN_PARTICULAR, kind: 'certificate', id: subject, name: subject }
    const entry = file.certificates.find((known) => known.subject === subject)
    if (entry === undefined) return null
    const grants = grantsOf(file, entry.roles)
    return {
      kind: 'certificate',
      id: subject,
      name: subject,
      grants,
      limits: entry.limits,
      expiresAtMs: null,
    }
  }

  /** Whether an identity is still what it was when somebody connected with it. */
  verdict(identity: Identity, nowMs: number): Verdict {
    const now = this.now(identity, nowMs)
    if (now === null) return 'gone'
    return now === identity || JSON.stringify(now) === JSON.stringify(identity) ? 'holds' : 'changed'
  }

  /** The same one with the rights that it has now; null: it is not known any more. */
  now(identity: Identity, nowMs: number): Identity | null {
    const now = this.#look(identity)
    return now === null || isOver(now, nowMs) ? null : now
  }

  #look(identity: Identity): Identity | null {
    switch (identity.kind) {
      case 'internal':
        return identity
      case 'anonymous':
        return this.#anonymous
      case 'certificate':
        return this.byCertificate(identity.id)
      case 'token': {
        const entry = this.#byId.get(identity.id)
        return entry === undefined ? null : this.#ofToken(entry)
      }
    }
  }

  #ofToken({ id, name, roles, grants, limits, expiresAt }: TokenEntry): Identity {
    const all = [...grantsOf(this.#file!, roles), ...grants]
    const expiresAtMs = expiresAt === null ? null : Date.parse(expiresAt)
    return { kind: 'token', id, name, grants: all, limits, expiresAtMs }
  }
}

const INTERNAL: Identity = { ...NOBODY_IN_PARTICULAR, kind: 'internal', id: 'internal', name: 'worker of up' }

function isOver({ expiresAtMs }: Identity, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs
}
