/**
 * What an S3 server, the network or the SDK says, as one clear sentence.
 *
 * Foreign errors end here. The cause that is kept holds a name, a message and the id of the request, and nothing that was sent: the SDK hangs
 * requests and headers on its errors, and a refused signature comes back with the text that was signed.
 */

import type { ErrorCode } from '../task/errors.ts'
import { placeText, type S3Place } from './place.ts'

export interface Explained {
  /** CONFIG_INVALID where only a person can help; STORE_FAILED where it may work later. */
  readonly code: Extract<ErrorCode, 'CONFIG_INVALID' | 'STORE_FAILED'>
  /** Without a full stop. */
  readonly text: string
  readonly cause: Error
}

interface ForeignError {
  readonly name?: string
  readonly message?: string
  readonly code?: string
  readonly errors?: readonly ForeignError[]
  readonly cause?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
}

export function explainS3(error: unknown, place: S3Place): Explained {
  const foreign: ForeignError =
    typeof error === 'object' && error !== null ? error : { message: String(error) }
  const { code, text } = explanation(foreign, place)
  return { code, text, cause: causeOf(foreign) }
}

type Explanation = Omit<Explained, 'cause'>

function explanation(error: ForeignError, place: S3Place): Explanation {
  const server = place.endpoint ?? 'Amazon S3'
  switch (error.name) {
    case 'NoSuchBucket':
      return settled(`${placeText(place)} does not exist`)
    case 'InvalidAccessKeyId':
      return settled(`${server} does not know this access key`)
    case 'SignatureDoesNotMatch':
      return settled(`${server} refuses the signature: the secret key does not belong to the access key`)
    case 'ExpiredToken':
    case 'InvalidToken':
    case 'TokenRefreshRequired':
      return settled(`${server} refuses the session token: it has expired or is not valid`)
    case 'RequestTimeTooSkewed':
      return settled(`the clock of this machine differs too much from that of ${server}`)
    case 'AccessDenied':
    case 'AllAccessDisabled':
      return settled(`these credentials have no right to do that in ${placeText(place)}`)
    case 'PermanentRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException':
      return settled(`${placeText(place)} is in another region: say region=NAME`)
    case 'CredentialsProviderError':
      return settled(
        'no credentials for S3 were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
      )
    default:
      return networkOrServer(error, place, server)
  }
}

function networkOrServer(error: ForeignError, place: S3Place, server: string): Explanation {
  const { httpStatusCode: status } = error.$metadata ?? {}
  const said = firstLine(error)
  if (/region is missing/i.test(said))
    return settled('no region for S3 is set: say region=NAME or set AWS_REGION')
  if (status !== undefined && status >= 400) {
    return failed(`${placeText(place)} answers ${status} ${error.name ?? 'without a reason'}`)
  }
  const code = codeOf(error)
  if (code === 'EPROTO') return settled(`${server} does not speak TLS as it should: is it http://?`)
  if (code !== undefined && /^E[A-Z]{3,}|^ERR_(TLS|SSL)|CERT/.test(code)) {
    return failed(`${server} cannot be reached: ${said === '' ? code : said}`)
  }
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return failed(`${server} does not answer in time`)
  if (status !== undefined) return settled(`${server} does not answer like S3`)
  return failed(said === '' ? 'unknown error' : said)
}

/** The first address that was tried stands for all (`localhost` has two). */
function codeOf(error: ForeignError): string | undefined {
  return error.code ?? error.errors?.[0]?.code
}

function firstLine(error: ForeignError): string {
  const text = error.message || error.errors?.[0]?.message || ''
  return text.split('\n')[0]!.slice(0, 300)
}

function causeOf(error: ForeignError): Error {
  const { httpStatusCode: status, requestId } = error.$metadata ?? {}
  const cause = new Error(firstLine(error))
  cause.name = error.name ?? 'Error'
  // The stack is that of this place, and says nothing about the failure.
  cause.stack = `${cause.name}: ${cause.message}`
  return Object.assign(cause, { code: codeOf(error), status, requestId })
}

function settled(text: string): Explanation {
  return { code: 'CONFIG_INVALID', text }
}

function failed(text: string): Explanation {
  return { code: 'STORE_FAILED', text }
}
