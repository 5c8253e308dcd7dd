/**
 * `node bench/profile.ts FILE|DIR …`: where the time of a V8 CPU profile went, by function: its own time, and that of all it called, as shares
 * of what was not idle. Waiting for the disk inside a call counts as its time. Profiles come from `npm run bench -- --cpu-prof DIR`.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

const ROWS = 25
const IDLE = new Set(['(idle)', '(program)', '(root)'])

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: CallFrame
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

for (const path of process.argv.slice(2).flatMap(profilesUnder)) print(path)

function profilesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .sort()
    .map((name) => join(path, name))
    .flatMap((inside) =>
      statSync(inside).isDirectory() || inside.endsWith('.cpuprofile') ? profilesUnder(inside) : [],
    )
}

function print(path: string): void {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path, 'utf8')) as CpuProfile
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const byNode = new Map<number, number>()
  samples.forEach((id, at) => {
    byNode.set(id, (byNode.get(id) ?? 0) + Math.max(0, timeDeltas[at]!))
  })
  const self = new Map<string, number>()
  const total = new Map<string, number>()
  let [allUs, idleUs] = [0, 0]
  for (const [node, us] of byNode) {
    const name = names.get(node)!
    allUs += us
    if (IDLE.has(name)) idleUs += us
    add(self, name, us)
    // A function that calls itself is counted once.
    const callers = new Set<string>()
    for (let at: number | undefined = node; at !== undefined; at = parents.get(at))
      callers.add(names.get(at)!)
    for (const caller of callers) add(total, caller, us)
  }
  const busyUs = allUs - idleUs
  const percent = (us: number) => `${((100 * us) / busyUs).toFixed(1).padStart(5)} %`
  const lines = [`\n${path}: ${(busyUs / 1_000).toFixed(0)} of ${(allUs / 1_000).toFixed(0)} ms not idle`]
  for (const [title, times] of [
    ['self', self],
    ['with what it calls', total],
  ] as const) {
    lines.push(title)
    const rows = [...times].filter(([name]) => !IDLE.has(name)).sort(([, a], [, b]) => b - a)
    for (const [name, us] of rows.slice(0, ROWS)) lines.push(`  ${percent(us)}  ${name}`)
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us)
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  if (url === '') return functionName
  return `${functionName || '(anonymous)'}  ${/\/(src|dist|bench)\/.*/.exec(url)?.[0].slice(1) ?? basename(url)}:${lineNumber + 1}`
}
