/**
 * What a browser finds at `/`: the built page from its folder, or a few words where it was not built.
 *
 * The seam: composition names the folder (`page` of HttpOptions) with index.html and its assets in it. Names of assets carry a hash of their content, so
 * they may be kept for ever; index.html is asked for each time. The page is public: it holds nothing, and what it shows it fetches from /v1 like anybody else.
 */

import { existsSync } from 'node:fs'
import { join, sep } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

const NOT_BUILT = `Chasqui answers here: /v1/… for programs, /healthz and /readyz for balancers.
The web page is not built in this installation (npm run build).
`

export async function servePage(app: FastifyInstance, folder: string | null): Promise<void> {
  const config = { right: 'none' } as const
  if (folder === null || !existsSync(join(folder, 'index.html'))) {
    app.get('/', { config }, (_, reply) => reply.type('text/plain; charset=utf-8').send(NOT_BUILT))
    return
  }
  const assets = `${join(folder, 'assets')}${sep}`
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, ...config }
    })
    await scope.register(fastifyStatic, {
      root: folder,
      wildcard: false,
      cacheControl: false,
      preCompressed: true,
      setHeaders: (reply, path) => {
        reply.header(
          'cache-control',
          path.startsWith(assets) ? 'public, max-age=31536000, immutable' : 'no-cache',
        )
      },
    })
  })
}
