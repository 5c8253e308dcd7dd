/**
 * Dashboards of Grafana as code: rows of panels become the JSON that Grafana loads. The dashboards themselves are in dashboards.ts; `npm run docs` writes them to
 * dashboards/, and a test holds those files to this.
 *
 * By hand, because what is needed of Grafana's JSON is small and stable; every expression is checked by promtool and asked of a live Prometheus in a test.
 */

export type Unit = 'ops' | 's' | 'bytes' | 'short' | 'percentunit'

export interface Query {
  readonly expr: string
  readonly legend: string
}

export interface PanelSpec {
  readonly title: string
  /** Shown behind the little i: what one sees, and what would be bad. */
  readonly description: string
  readonly kind?: 'timeseries' | 'stat'
  readonly unit: Unit
  /** Areas on top of each other. */
  readonly stacked?: boolean
  readonly queries: readonly Query[]
}

export interface RowSpec {
  readonly title: string
  readonly panels: readonly PanelSpec[]
}

export interface DashboardSpec {
  readonly uid: string
  readonly title: string
  readonly description: string
  /** Narrows by queue. */
  readonly byQueue: boolean
  readonly rows: readonly RowSpec[]
}

const WIDTH = 24
const HEIGHT = 8
const STAT_HEIGHT = 4
/** Of the data source in provisioning/. */
const DATASOURCE = { type: 'prometheus', uid: 'chasqui-prometheus' } as const

/** The JSON of a dashboard, as Grafana exports it. */
export function dashboardJson({ uid, title, description, byQueue, rows }: DashboardSpec): string {
  const panels: object[] = []
  let y = 0
  for (const row of rows) {
    panels.push({
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    })
    y++
    const height = row.panels.every(({ kind }) => kind === 'stat') ? STAT_HEIGHT : HEIGHT
    const width = Math.floor(WIDTH / Math.min(row.panels.length, height === STAT_HEIGHT ? 6 : 3))
    row.panels.forEach((panel, at) => {
      const perLine = WIDTH / width
      const gridPos = {
        x: (at % perLine) * width,
        y: y + Math.floor(at / perLine) * height,
        w: width,
        h: height,
      }
      panels.push(panelJson(panel, gridPos))
    })
    y += Math.ceil(row.panels.length / (WIDTH / width)) * height
  }
  const dashboard = {
    uid,
    title,
    description,
    tags: ['chasqui'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    timezone: 'browser',
    time: { from: 'now-1h', to: 'now' },
    refresh: '10s',
    templating: { list: byQueue ? [QUEUES] : [] },
    annotations: { list: [] },
    links: [{ type: 'dashboards', title: 'Chasqui', tags: ['chasqui'], asDropdown: false, keepTime: true }],
    panels: panels.map((panel, index) => ({ id: index + 1, ...panel })),
  }
  return `${JSON.stringify(dashboard, null, 2)}\n`
}

/** `$queue` in expressions. */
const QUEUES = {
  name: 'queue',
  label: 'Queue',
  type: 'query',
  datasource: DATASOURCE,
  query: { query: 'label_values(chasqui_queue_tasks, queue)', refId: 'queues' },
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { selected: true, text: ['All'], value: ['$__all'] },
}

function panelJson(panel: PanelSpec, gridPos: object): object {
  const { title, description, kind = 'timeseries', unit, stacked = false, queries } = panel
  const targets = queries.map(({ expr, legend }, at) => ({
    refId: String.fromCharCode(65 + at),
    datasource: DATASOURCE,
    expr,
    legendFormat: legend,
    ...(kind === 'stat' && { instant: true }),
  }))
  const options =
    kind === 'stat'
      ? {
          reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
          colorMode: 'value',
          graphMode: 'area',
        }
      : {
          legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
          tooltip: { mode: 'multi', sort: 'desc' },
        }
  const custom = {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: stacked ? 30 : 10,
    showPoints: 'never',
    stacking: { mode: stacked ? 'normal' : 'none' },
  }
  const defaults = { unit, min: 0, ...(kind === 'timeseries' && { custom }) }
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: { defaults, overrides: [] },
    options,
    targets,
  }
}
