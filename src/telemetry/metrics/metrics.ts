/**
 * The metrics of one process: the families of the table (table.ts), what prom-client knows of Node and the process, and the text that Prometheus reads.
 *
 * Invariant: nothing is in the text that is not in the table, and a look that fails is one empty family less, never a failed scrape.
 */

import { collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import { METRIC_QUEUES_MAX, METRIC_TYPES_MAX } from '../../task/limits.ts'
import { type Distribution, Distributions, Numbers } from './families.ts'
import { LabelLimit } from './label-limit.ts'
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  METRICS,
  type MetricEntry,
  type MetricName,
} from './table.ts'

/** Fills gauges in at a scrape. */
export type Look = () => void | Promise<void>

export interface MetricsOptions {
  /** What this process is: which families of the table it shows. */
  readonly of: readonly MetricEntry['of'][]
  /** What Node and the process tell of themselves. Default true; tests that compare texts do without. */
  readonly process?: boolean
}

/** Gauges that prom-client names as if they were counters, which promtool minds. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

export class Metrics {
  readonly queues = new LabelLimit(METRIC_QUEUES_MAX)
  readonly types = new LabelLimit(METRIC_TYPES_MAX)
  readonly #registry = new Registry()
  readonly #families = new Map<MetricName, Numbers | Distributions>()
  readonly #looks: Look[] = []
  #scrape: Promise<string> | null = null

  constructor({ of, process: ofProcess = true }: MetricsOptions) {
    for (const name of Object.keys(METRICS) as MetricName[]) {
      const entry: MetricEntry = METRICS[name]
      const family =
        entry.kind === 'histogram'
          ? new Distributions(name, entry.help, entry.labels, entry.bounds)
          : new Numbers(entry.kind, name, entry.help, entry.labels)
      this.#families.set(name, family)
      if (of.includes(entry.of)) this.#registry.registerMetric(family as unknown as Metric)
    }
    if (!ofProcess) return
    collectDefaultMetrics({ register: this.#registry })
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name)
  }

  counter(name: CounterName): Numbers {
    return this.#families.get(name) as Numbers
  }

  gauge(name: GaugeName): Numbers {
    return this.#families.get(name) as Numbers
  }

  histogram(name: HistogramName): Distributions {
    return this.#families.get(name) as Distributions
  }

  /** The only series of a histogram without labels. */
  distribution(name: HistogramName): Distribution {
    return this.histogram(name).of()
  }

  set(name: GaugeName | CounterName, value: number, ...labels: readonly string[]): void {
    ;(this.#families.get(name) as Numbers).of(...labels).value = value
  }

  /** Asked before each scrape. */
  onScrape(look: Look): void {
    this.#looks.push(look)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** What Prometheus reads. Who asks while a scrape is under way gets the same: many scrapers cost no more looks. */
  text(): Promise<string> {
    this.#scrape ??= this.#text().finally(() => {
      this.#scrape = null
    })
    return this.#scrape
  }

  async #text(): Promise<string> {
    await Promise.allSettled(this.#looks.map(async (look) => look()))
    return this.#registry.metrics()
  }
}
