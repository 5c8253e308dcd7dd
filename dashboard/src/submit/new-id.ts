/**
 * An id for a task, made here: so a request that broke can be sent again without making the task twice.
 *
 * UUIDv7 (RFC 9562) from the time and random bytes; `crypto.randomUUID` is missing on plain HTTP.
 */

export function newTaskId(nowMs: number, random: Uint8Array): string {
  const bytes = new Uint8Array(16)
  bytes.set(random.subarray(0, 10), 6)
  for (let index = 0; index < 6; index++) bytes[index] = Math.floor(nowMs / 2 ** (8 * (5 - index))) % 256
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Ids that sort in the order of their making, as far as one millisecond tells. */
export function newTaskIds(count: number): readonly string[] {
  const nowMs = Date.now()
  return Array.from({ length: count }, () => newTaskId(nowMs, crypto.getRandomValues(new Uint8Array(10))))
}
