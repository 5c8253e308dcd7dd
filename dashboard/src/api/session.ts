/** Saying who one is, where the server asks. The token is exchanged for a cookie that scripts cannot read, and is kept nowhere. */

import { signal } from '@preact/signals'
import { access, ask, keepProof } from './door.ts'

interface Session {
  readonly identity: string
  readonly needsToken: boolean
  readonly rights: readonly string[]
  readonly csrf: string | null
}

/** Whom the server takes us for; null: it has not said, or takes us for nobody in particular. */
export const identity = signal<string | null>(null)

/** At the beginning: somebody may have been here before, in this browser. */
export async function resumeSession(): Promise<void> {
  try {
    begin(await ask<Session>('GET', 'v1/session'))
  } catch {
    // Whatever is asked next says what is wrong.
  }
}

export async function login(token: string): Promise<void> {
  begin(await ask<Session>('POST', 'v1/session', { body: { token } }))
}

export async function logout(): Promise<void> {
  await ask('DELETE', 'v1/session')
  begin({ identity: '', needsToken: true, rights: [], csrf: null })
}

function begin({ identity: name, needsToken, csrf }: Session): void {
  keepProof(csrf)
  identity.value = csrf === null ? null : name
  access.value = needsToken ? 'asked' : 'open'
}
