/**
 * Where a distributor listens, as people write it: `chasqui://host:port`, or `chasquis://host:port` for TLS, with several hosts
 * separated by commas when any of them will do. Pure.
 */

import { ChasquiError } from '../task/errors.ts'
import { PORT_DEFAULT } from '../task/limits.ts'
import { redactedUrl } from './redacted-url.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface ServerUrl {
  /** `chasquis://`: TLS, and the server must show who it is. */
  readonly secure: boolean
  readonly addresses: readonly Address[]
}

/** @throws ChasquiError CONFIG_INVALID with a sentence that says what is wrong */
export function parseServerUrl(url: string): ServerUrl {
  const refuse = (why: string): never => {
    throw new ChasquiError('CONFIG_INVALID', `the address "${redactedUrl(url)}" cannot be used: ${why}`)
  }
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(url) ?? []
  if (scheme === undefined || rest === undefined) {
    return refuse(`it must have the form chasqui://host:${PORT_DEFAULT}`)
  }
  if (!/^chasquis?$/.test(scheme)) refuse('it must begin with chasqui://, or with chasquis:// for TLS')
  if (rest.includes('@')) refuse('it must not contain a name or a token; the token is a setting of its own')
  const hosts = rest.replace(/\/$/, '')
  if (/[/?#]/.test(hosts)) refuse('it must end after the port')
  const addresses = hosts.split(',').map((part) => {
    // A name or IPv4 address, or an IPv6 address in brackets; then perhaps a port.
    const [, bracketed, plain, digits] =
      /^(?:\[([0-9a-f:.%a-z]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(part.trim()) ?? []
    const host = bracketed ?? plain
    if (host === undefined)
      return refuse(`"${redactedUrl(`${scheme}://${part}`).slice(scheme.length + 3)}" is not host:port`)
    const port = digits === undefined ? PORT_DEFAULT : Number(digits)
    if (port < 1 || port > 65_535) refuse(`${port} is not a port`)
    return { host, port }
  })
  return { secure: scheme === 'chasquis', addresses }
}

export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
