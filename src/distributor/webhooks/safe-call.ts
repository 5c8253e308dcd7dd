/**
 * A request to an address that somebody else named: never to this machine or a private network, unless that is allowed.
 *
 * The name is resolved once, every address that it has is looked at, and the connection goes to the very address that was looked at: a name that says something
 * else the second time changes nothing. Redirects are answers like any other, and not followed.
 */

import { lookup } from 'node:dns/promises'
import http from 'node:http'
import https from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { WEBHOOK_CALL_MS } from '../../task/limits.ts'
import { type Networks, parseNetworks, plainAddress } from '../../wire/networks.ts'

/** What is not the public internet (IANA's registries of special-purpose addresses), and ways into IPv4 through IPv6. */
const PRIVATE = parseNetworks([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/96', '::ffff:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32'],
  ...['2002::/16', '3fff::/20', '5f00::/16', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
])

/** Whatever it says, the call is not made, and trying again would not help. */
export class ForbiddenAddress extends Error {}

export interface SafeCall {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Private ones that may be called all the same. */
  readonly allowed: Networks
  readonly signal: AbortSignal
}

/** @returns the status. Throws ForbiddenAddress, or what went wrong on the way. */
export async function safePost({ url, headers, body, allowed, signal }: SafeCall): Promise<number> {
  const target = new URL(url)
  const { address, family } = await vetted(target.hostname.replace(/^\[|\]$/g, ''), allowed)
  const pinned: LookupFunction = (_, options, done) => {
    if (options.all === true) done(null, [{ address, family }])
    else done(null, address, family)
  }
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(WEBHOOK_CALL_MS)])
  const { request } = target.protocol === 'https:' ? https : http
  return new Promise((resolve, reject) => {
    const sent = request(
      target,
      {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        lookup: pinned,
        agent: false,
        signal: deadline,
      },
      (response) => {
        // The status says it all; what else it says is nobody's business here.
        resolve(response.statusCode ?? 0)
        response.destroy()
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

async function vetted(host: string, allowed: Networks): Promise<{ address: string; family: 4 | 6 }> {
  const version = isIP(host)
  const found = version === 0 ? await lookup(host, { all: true }) : [{ address: host, family: version }]
  for (const { address } of found) {
    const plain = plainAddress(address)
    if (PRIVATE.has(plain) && !allowed.has(plain)) {
      throw new ForbiddenAddress(`${host} is ${plain}, which is no public address (--webhook-allow)`)
    }
  }
  const [{ address, family } = { address: '', family: 0 }] = found
  return { address, family: family === 6 ? 6 : 4 }
}
