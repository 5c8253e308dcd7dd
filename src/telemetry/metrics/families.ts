/**
 * Counters, gauges and histograms as plain numbers: what the hot path touches is one addition to a cell that its owner keeps, and a label is looked
 * up once. prom-client, which writes them down, reads them at a scrape.
 *
 * By hand and not prom-client's own, because those hash the labels at every increment and know no weights: a batch of a thousand tasks that were confirmed
 * together is one observation of weight 1,000 here.
 */

/** One time series of a counter or gauge. */
export interface Cell {
  value: number
}

/** One line of the exposition. */
export interface SeriesValue {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** What prom-client asks of a metric: its name, and `get`. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: readonly SeriesValue[]
}

abstract class Labelled<Series> {
  abstract readonly type: Family['type']
  readonly name: string
  readonly help: string
  readonly #labelNames: readonly string[]
  readonly #series = new Map<string, { readonly labels: Record<string, string>; readonly series: Series }>()

  constructor(name: string, help: string, labelNames: readonly string[]) {
    this.name = name
    this.help = help
    this.#labelNames = labelNames
  }

  protected abstract create(): Series
  protected abstract valuesOf(labels: Record<string, string>, series: Series): SeriesValue[]

  /** The series with these label values, in the order of the table; made when it is asked for first. */
  of(...labelValues: readonly string[]): Series {
    const key = labelValues.join('\0')
    const known = this.#series.get(key)
    if (known !== undefined) return known.series
    if (labelValues.length !== this.#labelNames.length) {
      throw new Error(`bug: ${this.name} has the labels ${this.#labelNames.join(', ')}`)
    }
    const labels = Object.fromEntries(this.#labelNames.map((name, at) => [name, labelValues[at]!]))
    const series = this.create()
    this.#series.set(key, { labels, series })
    return series
  }

  /** Forgets all series: before a gauge is filled anew. */
  clear(): void {
    this.#series.clear()
  }

  async get(): Promise<Family> {
    const values = [...this.#series.values()].flatMap(({ labels, series }) => this.valuesOf(labels, series))
    return { name: this.name, help: this.help, type: this.type, values }
  }
}

/** Counter or gauge: what it is, is said by who changes it. */
export class Numbers extends Labelled<Cell> {
  readonly type: 'counter' | 'gauge'

  constructor(type: 'counter' | 'gauge', name: string, help: string, labelNames: readonly string[]) {
    super(name, help, labelNames)
    this.type = type
  }

  protected create(): Cell {
    return { value: 0 }
  }

  protected valuesOf(labels: Record<string, string>, { value }: Cell): SeriesValue[] {
    return [{ labels, value }]
  }
}

export class Distribution {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array(bounds.length + 1).fill(0)
  }

  /** @param weight how many things had this value */
  observe(value: number, weight = 1): void {
    const bounds = this.#bounds
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    this.#counts[at]! += weight
    this.#sum += value * weight
  }

  series(name: string, labels: Record<string, string>): SeriesValue[] {
    let count = 0
    const buckets = this.#counts.map((inBucket, at) => {
      count += inBucket
      return {
        metricName: `${name}_bucket`,
        labels: { ...labels, le: this.#bounds[at] ?? '+Inf' },
        value: count,
      }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels, value: this.#sum },
      { metricName: `${name}_count`, labels, value: count },
    ]
  }
}

export class Distributions extends Labelled<Distribution> {
  readonly type = 'histogram'
  readonly #bounds: readonly number[]

  constructor(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]) {
    super(name, help, labelNames)
    this.#bounds = bounds
  }

  protected create(): Distribution {
    return new Distribution(this.#bounds)
  }

  protected valuesOf(labels: Record<string, string>, distribution: Distribution): SeriesValue[] {
    return distribution.series(this.name, labels)
  }
}
