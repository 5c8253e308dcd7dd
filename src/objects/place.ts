/**
 * Where objects are kept, as people write it: `file:DIR` or `s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&pathStyle=true]`.
 *
 * Invariant: no credentials stand in a place, for places are shown and logged; nothing here repeats a text that may hold some.
 */

import { ChasquiError } from '../task/errors.ts'
import { OBJECT_PREFIX_LENGTH_MAX } from '../task/limits.ts'

export type ObjectsPlace = FilePlace | S3Place

export interface FilePlace {
  readonly kind: 'file'
  readonly dir: string
}

export interface S3Place {
  readonly kind: 's3'
  readonly bucket: string
  /** '' or ends in '/': stands before each key. */
  readonly prefix: string
  /** null: Amazon's own, or what the environment says. */
  readonly endpoint: string | null
  readonly region: string | null
  /** The bucket in the path and not in the name of the host, as servers without a DNS entry for each bucket need it. */
  readonly isPathStyle: boolean
}

const PARAMETERS = ['endpoint', 'region', 'pathStyle']

/** @throws ChasquiError CONFIG_INVALID */
export function parseObjectsPlace(text: string): ObjectsPlace {
  const dir = /^file:(.+)$/s.exec(text)?.[1]
  if (dir !== undefined) return { kind: 'file', dir }
  const match = /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text)
  if (match === null) throw invalid('must be file:DIR or s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]')
  const [, bucket = '', path = '', query = ''] = match
  if (/[@:]/.test(bucket)) throw credentialsInside()
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/.test(bucket)) {
    throw invalid('must name a bucket after s3://, of 3 to 255 letters, digits, dots, dashes and underscores')
  }
  const parameters = readParameters(query)
  const endpoint = readEndpoint(parameters.get('endpoint'))
  return {
    kind: 's3',
    bucket,
    prefix: readPrefix(path),
    endpoint,
    region: readRegion(parameters.get('region')),
    isPathStyle: readPathStyle(parameters.get('pathStyle')) ?? endpoint !== null,
  }
}

/** For people: names the server and the bucket. */
export function placeText({ bucket, endpoint }: S3Place): string {
  return `the bucket ${bucket} at ${endpoint ?? 'Amazon S3'}`
}

function readParameters(query: string): URLSearchParams {
  const parameters = new URLSearchParams(query)
  for (const name of parameters.keys()) {
    if (/key|secret|token|password|credential/i.test(name)) throw credentialsInside()
    if (!PARAMETERS.includes(name)) {
      throw invalid(
        `knows endpoint, region and pathStyle after the question mark, not ${JSON.stringify(name.slice(0, 40))}`,
      )
    }
    if (parameters.getAll(name).length > 1) throw invalid(`says ${name} twice`)
  }
  return parameters
}

function readPrefix(path: string): string {
  const names = path.split('/').filter((name) => name !== '')
  const isClean = names.every((name) => /^[A-Za-z0-9_.~-]+$/.test(name) && !/^\.\.?$/.test(name))
  const prefix = names.map((name) => `${name}/`).join('')
  if (!isClean || prefix.length > OBJECT_PREFIX_LENGTH_MAX) {
    throw invalid(
      `may have names of letters, digits, dots, dashes, underscores and tildes after the bucket, ${OBJECT_PREFIX_LENGTH_MAX} characters in all`,
    )
  }
  return prefix
}

function readEndpoint(written: string | null): string | null {
  if (written === null) return null
  const url = URL.parse(written)
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw invalid('needs an endpoint like http://HOST:PORT or https://HOST')
  }
  if (url.username !== '' || url.password !== '') throw credentialsInside()
  return url.href.replace(/\/$/, '')
}

function readRegion(written: string | null): string | null {
  if (written !== null && !/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(written)) {
    throw invalid('needs a region of letters, digits and dashes')
  }
  return written
}

function readPathStyle(written: string | null): boolean | null {
  if (written === null) return null
  if (written !== 'true' && written !== 'false') throw invalid('needs pathStyle to be true or false')
  return written === 'true'
}

function credentialsInside(): ChasquiError {
  return invalid(
    'must not hold credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, in the environment',
  )
}

function invalid(what: string): ChasquiError {
  return new ChasquiError('CONFIG_INVALID', `--objects ${what}.`)
}
