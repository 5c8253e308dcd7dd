/** A private Prometheus and a private Alertmanager: on free ports, with folders of their own, asked over their HTTP APIs. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '../../scripts/programs.mjs'
import { Daemon } from './daemon.ts'
import { freePorts } from './ports.ts'
import { atEnd, type Scope, temporaryFolder } from './temporary.ts'

export interface ScrapeJob {
  readonly name: string
  /** `127.0.0.1:8080` */
  readonly targets: readonly string[]
}

export interface PrometheusSetting {
  readonly jobs: readonly ScrapeJob[]
  /** Text of a rule file. */
  readonly rules?: string
  /** `127.0.0.1:9093` */
  readonly alertmanager?: string
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

export interface Prometheus {
  readonly url: string
  /** What an expression comes to now. Throws what Prometheus says against it. */
  query(expression: string): Promise<readonly Sample[]>
}

/** Scrapes and evaluates once a second. */
export async function openPrometheus(scope: Scope, setting: PrometheusSetting): Promise<Prometheus> {
  const folder = temporaryFolder(scope, 'prometheus')
  const port = await freePorts()
  const url = `http://127.0.0.1:${port}`
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    ...(setting.rules !== undefined && { rule_files: [join(folder, 'rules.yml')] }),
    ...(setting.alertmanager !== undefined && {
      alerting: { alertmanagers: [{ static_configs: [{ targets: [setting.alertmanager] }] }] },
    }),
    scrape_configs: setting.jobs.map(({ name, targets }) => ({
      job_name: name,
      static_configs: [{ targets }],
    })),
  }
  // JSON is YAML, too.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  if (setting.rules !== undefined) writeFileSync(join(folder, 'rules.yml'), setting.rules)
  await startDaemon(scope, 'prometheus', folder, `${url}/-/ready`, [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ])
  return {
    url,
    async query(expression) {
      const answer = await fetch(`${url}/api/v1/query?${new URLSearchParams({ query: expression })}`)
      const { data, error } = (await answer.json()) as {
        data?: { result: readonly Sample[] }
        error?: string
      }
      assert.ok(data !== undefined, `${expression}: ${error}`)
      return data.result
    },
  }
}

export interface Alertmanager {
  /** `127.0.0.1:9093` */
  readonly address: string
}

/** Everything goes to one webhook, at once. */
export async function openAlertmanager(scope: Scope, webhook: string): Promise<Alertmanager> {
  const folder = temporaryFolder(scope, 'alertmanager')
  const port = await freePorts()
  const address = `127.0.0.1:${port}`
  const times = { group_wait: '0s', group_interval: '1s', repeat_interval: '1h' }
  const config = {
    route: { receiver: 'test', group_by: ['...'], ...times },
    receivers: [{ name: 'test', webhook_configs: [{ url: webhook, send_resolved: true }] }],
  }
  writeFileSync(join(folder, 'alertmanager.yml'), JSON.stringify(config))
  await startDaemon(scope, 'prometheus-alertmanager', folder, `http://${address}/-/ready`, [
    `--config.file=${join(folder, 'alertmanager.yml')}`,
    `--storage.path=${join(folder, 'data')}`,
    `--web.listen-address=${address}`,
    // No port for others of its kind.
    '--cluster.listen-address=',
  ])
  return { address }
}

async function startDaemon(
  scope: Scope,
  program: string,
  folder: string,
  readyUrl: string,
  parameters: readonly string[],
): Promise<void> {
  const command = findProgram(program)
  if (command === null) throw new Error(`${program} is not installed`)
  mkdirSync(join(folder, 'data'))
  const daemon = Daemon.start({ command, parameters, folder })
  atEnd(scope, () => daemon.kill())
  await daemon.ready(async () => (await fetch(readyUrl).catch(() => null))?.ok === true)
}
