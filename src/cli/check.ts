/** `chasqui check`: is everything as it should be, and where does each setting come from? */

import type { Command } from 'commander'
import { checkCluster } from '../app/check-cluster.ts'
import {
  checkConfig,
  checkDisk,
  checkObjects,
  checkRuntime,
  checkTakers,
  type Finding,
} from '../app/diagnosis.ts'
import { formatValue } from '../app/setting-values.ts'
import { nameOf, SETTING_KEYS } from '../app/settings.ts'
import { ChasquiError } from '../task/errors.ts'
import { action } from './action.ts'
import { addCommand, addJson } from './common-options.ts'
import { openClient } from './connection.ts'
import { type Screen, shortText, tableLines } from './screen.ts'
import { addSettings, readSettings } from './setting-options.ts'

export function addCheck(program: Command): void {
  const command = addCommand(program, {
    usage: 'check',
    description:
      'Looks at the settings, the disk, the object store, the database and the brokers of a cluster, the distributor, and tasks that no worker takes. Exit code 1 when something does not work.',
    examples: [
      ['chasqui check', 'what works and what does not'],
      ['chasqui check --settings', 'every setting, its value and where that comes from'],
      ['chasqui check --json', 'a JSON line for each finding'],
    ],
  })
  addJson(command).option('--settings', 'show every setting instead')
  addSettings(command, SETTING_KEYS).action(
    action(async ({ screen, options }) => {
      const config = await readSettings(options, SETTING_KEYS)
      if (options.settings === true) {
        showSettings(config, screen)
        return 'done'
      }
      const findings: Finding[] = [checkRuntime(), ...checkConfig(config)]
      const disk = await checkDisk(config)
      if (disk !== null) findings.push(disk)
      const objects = await checkObjects(config)
      if (objects !== null) findings.push(objects)
      findings.push(...(await checkCluster(config)), ...(await checkServer(config.settings)))
      for (const finding of findings) showFinding(finding, screen)
      return findings.some(({ level }) => level === 'problem') ? 'failed' : 'done'
    }),
  )
}

async function checkServer(settings: Parameters<typeof openClient>[0]): Promise<Finding[]> {
  try {
    await using client = await openClient(settings)
    const takers = await checkTakers(client)
    return [{ what: 'distributor', level: 'ok', text: `answers at ${settings.connect}` }, ...takers]
  } catch (error) {
    if (!(error instanceof ChasquiError)) throw error
    return [{ what: 'distributor', level: 'problem', text: error.message }]
  }
}

function showFinding({ what, level, text }: Finding, screen: Screen): void {
  if (screen.json) {
    screen.value({ what, level, text })
    return
  }
  const { green, yellow, red } = screen.colors
  const mark = level === 'ok' ? green('ok') : level === 'warning' ? yellow('!!') : red('no')
  screen.line(`${mark}  ${what.padEnd(14)} ${shortText(text, 500)}`)
}

type Config = Awaited<ReturnType<typeof readSettings>>

function showSettings({ settings, origins }: Config, screen: Screen): void {
  const rows = SETTING_KEYS.map((key) => ({
    name: nameOf(key),
    value: formatValue(key, settings[key]) ?? null,
    origin: origins[key] ?? 'default',
  }))
  if (screen.json) for (const row of rows) screen.value(row)
  else {
    const lines = tableLines(
      [
        { title: 'setting', cell: ({ name }) => name },
        { title: 'value', cell: ({ value }) => shortText(value ?? 'not set', 80) },
        { title: 'from', cell: ({ origin }) => origin },
      ],
      rows,
      screen.colors,
    )
    for (const line of lines) screen.line(line)
  }
}
