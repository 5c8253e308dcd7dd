/**
 * Three private RabbitMQ nodes as one cluster, with short deadlines: a dead or frozen leader of a quorum queue is replaced within seconds. Ready in
 * some 20 seconds; a node that was killed rejoins by starting again.
 */

import { openFamily, RabbitMq, type RabbitMqSetting } from './rabbitmq.ts'
import type { Scope } from './temporary.ts'

const NAMES = ['one', 'two', 'three'] as const

/**
 * `net_setuptime` beside `net_ticktime`: with its default of 7 s a node that tries to reach a frozen one is kept from everything else again and
 * again, for as long as that stays frozen.
 */
const ADVANCED = [
  '{kernel,[{net_ticktime,4},{net_setuptime,1}]}',
  '{rabbit,[{quorum_tick_interval,1000},{channel_tick_interval,1000},{dead_letter_worker_publisher_confirm_timeout,2000}]}',
]

const CONFIGURATION = [
  'cluster_formation.peer_discovery_backend = classic_config',
  ...NAMES.map((name, at) => `cluster_formation.classic_config.nodes.${at + 1} = ${name}@localhost`),
  'cluster_formation.randomized_startup_delay_range.min = 0',
  'cluster_formation.randomized_startup_delay_range.max = 1',
  'cluster_partition_handling = pause_minority',
]

export interface RabbitMqCluster {
  readonly nodes: readonly [RabbitMq, RabbitMq, RabbitMq]
  /** The URLs of all nodes, as a client that fails over is given them. */
  urls(virtualHost?: string): string[]
  /** The node that leads a quorum queue, asked of a node that answers. */
  leaderOf(queue: string, virtualHost?: string): Promise<RabbitMq>
  /**
   * Starts a node (again) and waits until all see each other. One that was frozen for longer than `net_ticktime` needs it as well as one that was
   * killed: thawed, it runs on, but the others keep it apart (neither `pause_minority` nor `autoheal` of 3.10 mends that).
   */
  rejoin(node: RabbitMq): Promise<void>
}

/** Ready when every node sees the two others. */
export async function openRabbitMqCluster(
  scope: Scope,
  { configuration = [], advanced = [] }: RabbitMqSetting = {},
): Promise<RabbitMqCluster> {
  const family = await openFamily(scope)
  const setting = {
    configuration: [...CONFIGURATION, ...configuration],
    advanced: [...ADVANCED, ...advanced],
  }
  const create = (name: string) => RabbitMq.create(scope, family, name, setting)
  const nodes = [await create('one'), await create('two'), await create('three')] as const
  // The first alone, or they may found two clusters; then both others at once.
  await nodes[0].start()
  for (const node of nodes.slice(1)) node.launch()
  for (const node of nodes.slice(1)) await node.ready()
  const cluster: RabbitMqCluster = {
    nodes,
    urls: (virtualHost) => nodes.map((node) => node.url(virtualHost)),
    async leaderOf(queue, virtualHost = '/') {
      const asked = nodes.find((node) => node.isRunning)
      if (asked === undefined) throw new Error('no node runs')
      const path = `queues/${encodeURIComponent(virtualHost)}/${encodeURIComponent(queue)}`
      const { leader } = (await asked.api('GET', path)) as { leader: string }
      return nodes.find((node) => node.name === leader)!
    },
    async rejoin(node) {
      if (node.isRunning) await node.kill()
      await node.start()
      for (const each of nodes) await each.waitForPeers(NAMES.length)
    },
  }
  for (const each of nodes) await each.waitForPeers(NAMES.length)
  return cluster
}
