/** What balancers, orchestrators and Prometheus ask. */

import type { FastifyInstance } from 'fastify'
import { JSON_TYPE } from './answers.ts'
import type { Health } from './health.ts'
import type { AppOptions } from './http-options.ts'

export function mountOperations(app: FastifyInstance, { metrics }: AppOptions, health: Health): void {
  const open = { config: { right: 'none' }, exposeHeadRoute: true } as const
  app.get('/healthz', open, (_, reply) => reply.type(JSON_TYPE).send('{"alive":true}'))
  app.get('/readyz', open, async (_, reply) => {
    const readiness = await health.look()
    return reply
      .code(readiness.ready ? 200 : 503)
      .type(JSON_TYPE)
      .send(JSON.stringify(readiness))
  })
  if (metrics === undefined) return
  app.get('/metrics', { config: { right: metrics.right } }, async (_, reply) =>
    reply.type(metrics.contentType).send(await metrics.read()),
  )
}
