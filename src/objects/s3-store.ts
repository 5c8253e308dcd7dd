/**
 * The object store in a bucket of S3, or of a server that speaks like it: one object a key, under the prefix of the place.
 *
 * S3 replaces an object whole and confirms when it is durable, which is what the port promises. Each request is signed with the hash of its
 * body, so a body that changed on the way is refused. Credentials come from the usual chain of the SDK (environment, profile, role), never
 * from the place.
 *
 * Invariant: every call ends by its deadline, whatever the server does, and holds one of a bounded number of sockets while it runs.
 */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { ChasquiError } from '../task/errors.ts'
import {
  S3_CALL_MS,
  S3_CALLS_WAITING_MAX,
  S3_CLOSE_MS,
  S3_CONNECT_MS,
  S3_LIST_PAGE,
  S3_OPEN_MS,
  S3_SILENCE_MS,
  S3_SOCKETS_MAX,
  S3_TRIES_MAX,
} from '../task/limits.ts'
import { Gate } from './gate.ts'
import { assertObjectKey, isObjectKey, type ListedObject, type ObjectStore, tooLong } from './object-store.ts'
import type { S3Place } from './place.ts'
import { explainS3 } from './s3-errors.ts'

/** The SDK signs for some region; servers that are not Amazon's take any. */
const REGION_ELSEWHERE = 'us-east-1'

/**
 * Opens what must be there already: looks into the bucket once, so that a missing bucket, wrong credentials, a missing right to list and a
 * server that does not answer are told here, in one sentence.
 *
 * @throws ChasquiError CONFIG_INVALID where a person has to change something, STORE_FAILED where it may work later
 */
export async function openS3Store(place: S3Place): Promise<ObjectStore> {
  const store = new S3Store(place)
  try {
    await store.check()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

class S3Store implements ObjectStore {
  readonly kind = 's3'
  readonly #place: S3Place
  readonly #client: S3Client
  readonly #gate = new Gate(S3_SOCKETS_MAX, S3_CALLS_WAITING_MAX)
  readonly #running = new Set<Promise<unknown>>()
  readonly #ending = new AbortController()
  #closed = false

  constructor(place: S3Place) {
    this.#place = place
    this.#client = clientFor(place)
  }

  async check(): Promise<void> {
    const { Name: name } = await this.#call(
      'the object store cannot be opened',
      S3_OPEN_MS,
      'as-it-is',
      (abortSignal) =>
        this.#client.send(
          new ListObjectsV2Command({ ...this.#bucket(), Prefix: this.#place.prefix, MaxKeys: 1 }),
          {
            abortSignal,
          },
        ),
    )
    if (name === undefined) {
      throw new ChasquiError(
        'CONFIG_INVALID',
        `the object store cannot be opened: ${this.#place.endpoint ?? 'the server'} does not answer like S3`,
      )
    }
  }

  async put(key: string, body: string | Uint8Array): Promise<void> {
    assertObjectKey(key)
    await this.#call(`the object ${key} cannot be written`, S3_CALL_MS, 'store-failed', (abortSignal) =>
      this.#client.send(
        new PutObjectCommand({
          ...this.#object(key),
          Body: body,
          ContentType: key.endsWith('.json') ? 'application/json' : 'application/octet-stream',
        }),
        { abortSignal },
      ),
    )
  }

  async get(key: string, bytesMax = Number.POSITIVE_INFINITY): Promise<Buffer | null> {
    assertObjectKey(key)
    return await this.#call(
      `the object ${key} cannot be read`,
      S3_CALL_MS,
      'store-failed',
      async (abortSignal) => {
        try {
          const { Body: body, ContentLength: bytes } = await this.#client.send(
            new GetObjectCommand(this.#object(key)),
            { abortSignal },
          )
          if (body === undefined) return Buffer.alloc(0)
          if (bytes === undefined || bytes > bytesMax) {
            // What is not read would keep its socket.
            if ('destroy' in body) body.destroy()
            throw tooLong(key, bytes ?? Number.POSITIVE_INFINITY, bytesMax)
          }
          return Buffer.from(await body.transformToByteArray())
        } catch (error) {
          if (error instanceof Error && error.name === 'NoSuchKey') return null
          throw error
        }
      },
    )
  }

  /** S3 does not say whether it had the object, so this looks first; two deletes at once may both say yes. */
  async delete(key: string): Promise<boolean> {
    assertObjectKey(key)
    return await this.#call(
      `the object ${key} cannot be deleted`,
      S3_CALL_MS,
      'store-failed',
      async (abortSignal) => {
        const object = this.#object(key)
        // Not HEAD: its 404 has no body, and so does not tell a missing object from a missing bucket. The first key with this beginning is it.
        const { Contents: found = [] } = await this.#client.send(
          new ListObjectsV2Command({ ...this.#bucket(), Prefix: object.Key, MaxKeys: 1 }),
          { abortSignal },
        )
        if (found[0]?.Key !== object.Key) return false
        await this.#client.send(new DeleteObjectCommand(object), { abortSignal })
        return true
      },
    )
  }

  async *list(prefix = ''): AsyncIterable<ListedObject> {
    const { prefix: folder } = this.#place
    let from: string | undefined
    do {
      const page = await this.#call(
        'the objects cannot be listed',
        S3_CALL_MS,
        'store-failed',
        (abortSignal) =>
          this.#client.send(
            new ListObjectsV2Command({
              ...this.#bucket(),
              Prefix: `${folder}${prefix}`,
              // What lies in folders below is not ours.
              Delimiter: '/',
              MaxKeys: S3_LIST_PAGE,
              ContinuationToken: from,
            }),
            { abortSignal },
          ),
      )
      for (const { Key: path = '', LastModified: modifiedAt } of page.Contents ?? []) {
        const key = path.slice(folder.length)
        if (isObjectKey(key)) yield { key, modifiedAtMs: modifiedAt?.getTime() ?? Date.now() }
      }
      from = page.NextContinuationToken
    } while (from !== undefined)
  }

  async close(): Promise<void> {
    this.#closed = true
    const timer = setTimeout(() => this.#ending.abort(), S3_CLOSE_MS)
    await Promise.allSettled(this.#running)
    clearTimeout(timer)
    this.#client.destroy()
  }

  #bucket(): { readonly Bucket: string } {
    return { Bucket: this.#place.bucket }
  }

  #object(key: string): { readonly Bucket: string; readonly Key: string } {
    return { ...this.#bucket(), Key: `${this.#place.prefix}${key}` }
  }

  /** `store-failed`: once the store is open, nothing that goes wrong is a matter of settings for who calls it. */
  async #call<T>(
    what: string,
    deadlineMs: number,
    codes: 'as-it-is' | 'store-failed',
    work: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw closedError()
    const running = this.#gate.run(() => withDeadline(deadlineMs, this.#ending.signal, work))
    this.#running.add(running)
    try {
      return await running
    } catch (error) {
      if (error instanceof ChasquiError) throw error
      const { code, text, cause } = explainS3(error, this.#place)
      throw new ChasquiError(codes === 'as-it-is' ? code : 'STORE_FAILED', `${what}: ${text}`, { cause })
    } finally {
      this.#running.delete(running)
    }
  }
}

/** The SDK obeys the signal while it sends, but not while it looks for credentials: the race ends that as well. */
async function withDeadline<T>(
  deadlineMs: number,
  ending: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController()
  const early = Promise.withResolvers<never>()
  const end = (error: Error) => {
    early.reject(error)
    abort.abort()
  }
  const close = () => end(closedError())
  if (ending.aborted) throw closedError()
  ending.addEventListener('abort', close, { once: true })
  const late = Object.assign(new Error(`no answer after ${deadlineMs} ms`), { name: 'TimeoutError' })
  const timer = setTimeout(end, deadlineMs, late)
  try {
    return await Promise.race([work(abort.signal), early.promise])
  } finally {
    clearTimeout(timer)
    ending.removeEventListener('abort', close)
  }
}

function closedError(): ChasquiError {
  return new ChasquiError('CLOSED', 'the object store is closed')
}

function clientFor({ endpoint, region, isPathStyle }: S3Place): S3Client {
  const elsewhere =
    endpoint === null ? null : (process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? REGION_ELSEWHERE)
  const chosen = region ?? elsewhere
  const sockets = { keepAlive: true, maxSockets: S3_SOCKETS_MAX }
  return new S3Client({
    ...(endpoint !== null && { endpoint }),
    ...(chosen !== null && { region: chosen }),
    forcePathStyle: isPathStyle,
    maxAttempts: S3_TRIES_MAX,
    retryMode: 'standard',
    // Older servers know no checksums in trailers; what arrives is guarded by the hash in the signature.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With it the SDK sends each large body on a socket of its own, past the agents below and their bound.
    expectContinueHeader: false,
    // The SDK writes warnings to the console otherwise.
    logger: SILENT,
    requestHandler: {
      connectionTimeout: S3_CONNECT_MS,
      socketTimeout: S3_SILENCE_MS,
      httpAgent: sockets,
      httpsAgent: sockets,
      logger: SILENT,
    },
  })
}

const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
