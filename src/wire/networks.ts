/** IP addresses and networks as people write them: `10.0.0.0/8,::1`. Pure. */

import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net'
import { ChasquiError } from '../task/errors.ts'

export interface Networks {
  /** Whether one of them holds this address. What is no address is in none. */
  has(address: string): boolean
}

/**
 * @param entries addresses, or networks in CIDR form
 * @throws ChasquiError CONFIG_INVALID with a sentence that says which entry is wrong
 */
export function parseNetworks(entries: readonly string[]): Networks {
  const list = new BlockList()
  for (const entry of entries) {
    const [, address = '', digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
    const version = address.includes('%') ? 0 : isIP(address)
    const bits = version === 6 ? 128 : 32
    const prefix = digits === undefined ? bits : Number(digits)
    if (version === 0 || prefix > bits) {
      throw new ChasquiError('CONFIG_INVALID', `"${entry}" is no address and no network like 10.0.0.0/8`)
    }
    list.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4')
  }
  return {
    has(address) {
      const version = isIP(address)
      return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
    },
  }
}

/** One text for each address: shortened, and an IPv4 address that came over an IPv6 socket as what it is. */
export function plainAddress(address: string): string {
  if (!isIPv6(address) || address.includes('%')) return address
  const text = new SocketAddress({ address, family: 'ipv6' }).address
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1] ?? text
}
