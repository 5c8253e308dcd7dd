/**
 * What a browser finds at `/`: the built page from its folder, or a few words where it was not built.
 *
 * The seam: composition names the folder (`page` of HttpOptions) with index.html and its assets in it. Names of assets carry a hash of their content, so
 * they may be kept for ever; index.html is asked for each time. The page is public: it holds nothing, and what it shows it fetches from /v1 like anybody else.
 */

import { existsSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'

const NOT_BUILT = `<!doctype html>
<title>Chasqui</title>
<p>Chasqui answers here: /v1/… for programs (<a href="/docs">described</a>), /healthz and /readyz for balancers.</p>
<p>The web page is not built in this installation (npm run build).</p>
`

export async function servePage(app: FastifyInstance, folder: string | null): Promise<void> {
  const config = { right: 'none' } as const
  if (folder === null || !existsSync(join(folder, 'index.html'))) {
    app.get('/', { config }, (_, reply) => reply.type('text/html; charset=utf-8').send(NOT_BUILT))
    return
  }
  await app.register(fastifyStatic, {
    root: folder,
    serve: false,
    cacheControl: false,
    preCompressed: true,
    setHeaders: (reply, path) => {
      const isAsset = path.startsWith(join(folder, 'assets') + sep)
      reply.header('cache-control', isAsset ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  app.get('/', { config }, (_, reply) => reply.sendFile('index.html'))
  for (const file of filesOf(folder)) {
    app.get(`/${file}`, { config: { ...config, isAsset: true } }, (_, reply) => reply.sendFile(file))
  }
}

/** Each is a route of its own: what is not in the list cannot be asked for. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
}
