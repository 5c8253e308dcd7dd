/** `/openapi.json`, and `/docs`: the same for people, drawn by RapiDoc, which is served from here like everything else. */

import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { JSON_TYPE } from '../answers.ts'
import { type MountedRoute, openApiDocument } from './document.ts'

const SCRIPT = '/docs/rapidoc.js'

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chasqui: HTTP API</title>
<script type="module" src="${SCRIPT}"></script>
<rapi-doc spec-url="/openapi.json" load-fonts="false" render-style="read" show-header="false" allow-server-selection="false"
  regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace" schema-style="table"></rapi-doc>
</html>
`

/** @param routes asked when the document is: by then all are mounted */
export function serveDocument(
  app: FastifyInstance,
  version: string,
  routes: () => readonly MountedRoute[],
): void {
  let document: string | null = null
  app.get('/openapi.json', { config: { right: 'any' } }, (_, reply) => {
    document ??= JSON.stringify(openApiDocument(version, routes()))
    return reply.type(JSON_TYPE).send(document)
  })
  app.get('/docs', { config: { right: 'none' } }, (_, reply) =>
    reply.type('text/html; charset=utf-8').send(PAGE),
  )
  app.get(SCRIPT, { config: { right: 'none', isAsset: true } }, (_, reply) =>
    reply
      .type('text/javascript; charset=utf-8')
      .header('cache-control', 'public, max-age=86400')
      .send(readFileSync(rapidoc())),
  )
}

/** Beside the built program, where the build puts it; run from the source, where npm put it. */
function rapidoc(): string {
  const places = ['../../../rapidoc.mjs', '../../../../node_modules/rapidoc/dist/rapidoc-min.js']
  return places
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((path) => existsSync(path))!
}
