/** Types of tasks that one can choose from: those that connected workers know. Pure. */

import type { Stats } from '../api/shapes.ts'

export function knownTypes(stats: Stats | null): readonly string[] {
  return [...new Set(stats?.workers.flatMap(({ types }) => types ?? []) ?? [])].sort()
}
