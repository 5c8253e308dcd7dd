/**
 * The door to the server: one request, one answer, or one kind of error with the code from the server's table.
 *
 * Addresses are relative, so that the page works behind a proxy under any path. Who one is stands in a cookie that scripts cannot read;
 * what changes something carries the proof that it comes from this page.
 */

import { signal } from '@preact/signals'

/** Whether the server lets us in: `asked` means that it wants a token first. */
export const access = signal<'open' | 'asked'>('open')

/** Said by the server at the beginning of a session; sent back with whatever changes something. */
let proof: string | null = null

export function keepProof(value: string | null): void {
  proof = value
}

/** What the server refused, or that it could not be reached (`status` 0). */
export class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly retryAfterMs: number | null

  constructor(status: number, code: string, message: string, retryAfterMs: number | null = null) {
    super(message)
    this.name = 'Refused'
    this.status = status
    this.code = code
    this.retryAfterMs = retryAfterMs
  }
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>

export interface Request {
  readonly query?: Query
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** @throws Refused */
export async function ask<Answer>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  { query, body, signal }: Request = {},
): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (method !== 'GET' && proof !== null) headers['x-csrf-token'] = proof
  let response: Response
  try {
    response = await fetch(withQuery(path, query), {
      method,
      headers,
      credentials: 'same-origin',
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Refused(0, 'CONNECTION_LOST', String(error instanceof Error ? error.message : error))
  }
  const answer = await response.json().catch(() => null)
  if (response.ok) return answer as Answer
  if (response.status === 401) access.value = 'asked'
  throw refusal(response.status, answer)
}

function refusal(status: number, answer: unknown): Refused {
  const { error } = (answer ?? {}) as {
    error?: { name?: string; message?: string; retryAfterMs?: number }
  }
  return new Refused(
    status,
    error?.name ?? `HTTP_${status}`,
    error?.message ?? `HTTP ${status}`,
    error?.retryAfterMs ?? null,
  )
}

export function withQuery(path: string, query: Query = {}): string {
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === '') continue
    if (Array.isArray(value)) for (const one of value) parts.append(name, one)
    else parts.append(name, String(value))
  }
  const text = parts.toString()
  return text === '' ? path : `${path}?${text}`
}
