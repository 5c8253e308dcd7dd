/** Schemas of `session.*` and `rpc.*`: the connection itself. */

import Type from 'typebox'
import type { MethodDescription } from './method.ts'
import { Count, closed, Durability, literals, open, optional, WORKER_IDENTITY } from './shapes.ts'

export const PROTOCOL_VERSION = 1

const Client = Type.Union(
  [
    Type.String({ maxLength: 256 }),
    open({
      name: optional(Type.String({ maxLength: 256, description: 'Name of the program.' })),
      version: optional(Type.String({ maxLength: 64, description: 'Its version.' })),
      pid: optional(Type.Integer({ description: 'Its process id.' })),
      host: optional(Type.String({ maxLength: 256, description: 'Its machine.' })),
      worker: optional(
        open(WORKER_IDENTITY, 'Set by workers: what `worker.list` and the records of their tasks show.'),
      ),
    }),
  ],
  { description: 'Who is on the other end, for logs and `worker.list`: a name, or an object.' },
)

export const SESSION_METHODS = {
  'session.hello': {
    summary: 'Says who you are and learns what the server is. Optional; the first message where it is used.',
    params: open({
      token: optional(
        Type.String({
          maxLength: 256,
          description: 'Who you are, where the server asks for that (`chasqui token create`).',
        }),
      ),
      client: optional(Client),
      role: optional(
        Type.String({
          maxLength: 64,
          description: 'What the connection is for, such as `client` or `worker`.',
        }),
      ),
    }),
    result: open({
      server: open({
        name: literals(['chasqui'], 'Always `chasqui`.'),
        version: Type.String({ description: 'Version of the program.' }),
      }),
      protocol: Type.Integer({ description: 'Version of this protocol.' }),
      session: Type.String({ description: 'Id of this connection, as logs name it.' }),
      identity: optional(
        Type.String({
          description: 'The name under which the server knows you now; `anonymous`: under none.',
        }),
      ),
      limits: open(
        {
          frameBytes: Count('Longest message.'),
          jsonDepth: Count('Deepest nesting of JSON.'),
          batchEntries: Count('Entries of a batch; tasks, outcomes or ids of a request.'),
          requestsInFlight: Count(
            'Requests of a connection that are not answered yet; beyond it the server stops reading.',
          ),
          waits: Count('Tasks that a connection may wait for, or watch by id, at a time.'),
          watches: Count('`task.watch` subscriptions of a connection at a time.'),
          waitMs: Count('Longest `task.wait`.'),
        },
        'What the server takes.',
      ),
      engine: Type.String({ description: 'Which engine holds the tasks.' }),
      durability: Durability,
    }),
    errors: [],
  },
  'session.ping': {
    summary:
      'The health check of balancers: is this server one to send new connections to? Needs no `session.hello`.',
    params: open({}),
    result: open({
      ready: Type.Boolean({
        description: 'False: it is about to stop. What is connected may stay until it does.',
      }),
      peer: Type.String({
        description: 'The address at which the server sees you: behind a balancer, that of the PROXY header.',
      }),
    }),
    errors: [],
  },
  'rpc.discover': {
    summary: 'The OpenRPC document of this server: every method with the schemas of its params and result.',
    params: closed({}),
    result: open({
      openrpc: Type.String({ description: 'Version of OpenRPC.' }),
      info: open({
        title: Type.String({ description: 'Name of the protocol.' }),
        version: Type.String({ description: 'Version of the program.' }),
      }),
      methods: Type.Array(Type.Unknown(), { description: 'One Method Object each.' }),
      'x-notifications': Type.Array(Type.Unknown(), {
        description: 'What the server sends unasked: name, summary, params.',
      }),
    }),
    errors: [],
  },
} as const satisfies Record<string, MethodDescription>
