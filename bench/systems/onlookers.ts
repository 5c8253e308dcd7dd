/** Who looks on while we work: a Prometheus that scrapes once a second, and a listener to all events. Held to the same machine, so their own cost is in the figures. */

import http from 'node:http'

const SCRAPE_MS = 1_000

export interface Onlookers {
  stop(): Promise<void>
}

/** @param listens also hears every event of every task, and throws it away */
export function lookOn(url: string, { listens }: { readonly listens: boolean }): Onlookers {
  const scrape = () => http.get(`${url}/metrics`, (answer) => answer.resume()).on('error', () => undefined)
  const timer = setInterval(scrape, SCRAPE_MS)
  const stream = listens
    ? http.get(`${url}/v1/events`, (answer) => answer.resume()).on('error', () => undefined)
    : null
  return {
    async stop() {
      clearInterval(timer)
      stream?.destroy()
    },
  }
}
