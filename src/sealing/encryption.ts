/**
 * Encryption as middleware: the client seals data and opens results, the worker the other way round, and nothing in between can read them. What
 * handlers say (error messages, stacks, notes, log lines) is sealed as well.
 *
 * It belongs at the end of a list: nearest to the wire. docs/privacy.md says what is covered and what is not.
 */

import { ChasquiError } from '../task/errors.ts'
import type { Middleware } from '../task/middleware.ts'
import type { Json, Receipt, Submission, TaskRecord } from '../task/task.ts'
import { canonicalText } from './canonical-json.ts'
import { type Bound, open, seal, sealedLength } from './envelope.ts'
import { checkKeyRing, type KeyRing, type KeySource } from './key-ring.ts'

export interface EncryptionOptions {
  /** Also take data and results that are not encrypted, for the time of a change. Default: they are refused. */
  readonly allowPlain?: boolean
}

/** A sealed value on the wire is `{"$sealed": "1.KEYID.…"}`, a sealed text `$sealed:1.KEYID.…`. */
const FIELD = '$sealed'
const TEXT_PREFIX = `${FIELD}:`
/** Also within another text: an engine may have put words of its own around what it was told. */
const SEALED_TEXT = /\$sealed:(\w+\.[\w-]+\.[\w-]+)/g

/**
 * The same value serves clients (`connect(url, { use })`) and handler modules (`export const use`).
 * @throws ChasquiError CONFIG_INVALID when the keys cannot be used
 */
export function encryption(
  keys: KeyRing | KeySource,
  { allowPlain = false }: EncryptionOptions = {},
): Middleware {
  const source = 'current' in keys ? keys : fixed(checkKeyRing(keys))
  source.current()
  const keyOf = (id: string) => source.current().keys.get(id) ?? source.refresh().keys.get(id)
  const openValue = (value: unknown, bound: Bound): string | null => {
    const envelope = envelopeOf(value)
    if (envelope !== null) return open(envelope, keyOf, bound)
    if (allowPlain) return null
    throw new ChasquiError('DECRYPT_FAILED', `the ${bound.kind} of task ${bound.id} is not encrypted`)
  }
  const openText = (text: string, bound: Bound) => openValue(JSON.parse(text), bound) ?? text

  return {
    name: 'encryption',

    submit: (submission, next) => submitSealed(submission, next, source.current()),

    read(record) {
      const { id, type, dataText, resultText } = record
      if (dataText === undefined && resultText === undefined) return record
      return {
        ...record,
        ...(dataText !== undefined && { dataText: openText(dataText, { kind: 'data', id, type }) }),
        ...(resultText !== undefined && { resultText: openText(resultText, { kind: 'result', id, type }) }),
      } satisfies TaskRecord
    },

    async run(data, { id, type }, next) {
      const opened = openValue(data, { kind: 'data', id, type })
      const value = await next(opened === null ? data : JSON.parse(opened))
      // What cannot be written as JSON is told by the step that writes results.
      const plain = value === undefined ? 'null' : JSON.stringify(value)
      if (plain === undefined) return value
      return { [FIELD]: sealNow(source.current(), plain, { kind: 'result', id, type }) }
    },

    texts: {
      write(text, id, lengthMax) {
        const ring = source.current()
        if (id === null) return '(not shown: it cannot be told whose task it is about)'
        const plain = cut(text, (bytes) => TEXT_PREFIX.length + sealedLength(bytes, ring.write) <= lengthMax)
        return TEXT_PREFIX + sealNow(ring, plain, { kind: 'text', id, type: '' })
      },
      read(text, id) {
        if (!text.includes(TEXT_PREFIX)) return text
        return text.replaceAll(SEALED_TEXT, (_, envelope: string) => {
          try {
            return open(envelope, keyOf, { kind: 'text', id, type: '' })
          } catch (error) {
            return `(${(error as Error).message})`
          }
        })
      },
    },
  }
}

/**
 * A task that was accepted before a rotation, submitted again after it, must be known again: its envelope was made with the old key. So where
 * the engine says that this id has other content, the older keys are tried.
 */
async function submitSealed(
  submission: Submission,
  next: (submission: Submission) => Promise<Receipt>,
  { write, keys }: KeyRing,
): Promise<Receipt> {
  const { id, type } = submission
  const plain = canonicalText(submission.dataText)
  const send = (keyId: string) => {
    const envelope = seal(plain, keyId, keys.get(keyId)!, { kind: 'data', id, type })
    return next({ ...submission, dataText: JSON.stringify({ [FIELD]: envelope }) })
  }
  try {
    return await send(write)
  } catch (conflict) {
    for (const older of [...keys.keys()].filter((keyId) => keyId !== write)) {
      if (!isConflict(conflict)) break
      try {
        return await send(older)
      } catch (error) {
        if (!isConflict(error)) throw error
      }
    }
    throw conflict
  }
}

function sealNow({ write, keys }: KeyRing, plain: string, bound: Bound): string {
  return seal(plain, write, keys.get(write)!, bound)
}

function isConflict(error: unknown): boolean {
  return error instanceof ChasquiError && error.code === 'ID_CONFLICT'
}

function envelopeOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null
  const envelope = (value as { readonly [FIELD]?: Json })[FIELD]
  return typeof envelope === 'string' && Object.keys(value).length === 1 ? envelope : null
}

/** The longest beginning of the text whose bytes fit. */
function cut(text: string, fits: (bytes: number) => boolean): string {
  if (fits(Buffer.byteLength(text))) return text
  let [kept, over] = [0, text.length]
  while (over - kept > 1) {
    const middle = (kept + over) >> 1
    if (fits(Buffer.byteLength(text.slice(0, middle)) + 3)) kept = middle
    else over = middle
  }
  return `${text.slice(0, kept).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function fixed(ring: KeyRing): KeySource {
  return { current: () => ring, refresh: () => ring }
}
