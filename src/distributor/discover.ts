/** The OpenRPC document (https://spec.open-rpc.org, 1.3.2) of this server, made from the schemas that also check its requests. */

import { ERRORS, type ErrorCode } from '../task/errors.ts'
import { COMMON_ERRORS, type MethodDescription } from '../wire/protocol/method.ts'
import { METHODS, NOTIFICATIONS } from '../wire/protocol.ts'

const texts = new Map<string, string>()

export function discover(version: string): string {
  let text = texts.get(version)
  if (text === undefined) {
    text = JSON.stringify(openRpcDocument(version))
    texts.set(version, text)
  }
  return text
}

function openRpcDocument(version: string) {
  return {
    openrpc: '1.3.2',
    info: {
      title: 'Chasqui',
      version,
      description: 'JSON-RPC 2.0, one message a line (LF), UTF-8, over TCP. See docs/protocol.md.',
    },
    methods: Object.entries(METHODS).map(([name, method]) => methodObject(name, method)),
    'x-notifications': Object.entries(NOTIFICATIONS).map(([name, { summary, params }]) => ({
      name,
      summary,
      params: contentDescriptors(params as ObjectSchema),
    })),
  }
}

function methodObject(name: string, { summary, params, result, errors }: MethodDescription) {
  return {
    name,
    summary,
    paramStructure: 'by-name',
    params: contentDescriptors(params as ObjectSchema),
    result: { name: 'result', schema: result },
    errors: [...errors, ...COMMON_ERRORS].map((code) => errorObject(code)),
  }
}

interface ObjectSchema {
  readonly properties: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
}

function contentDescriptors({ properties, required = [] }: ObjectSchema) {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    required: required.includes(name),
    schema,
  }))
}

function errorObject(code: ErrorCode) {
  const { number, meaning, retryable } = ERRORS[code]
  return { code: number, message: meaning, data: { name: code, retryable } }
}
