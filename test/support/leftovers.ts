/** Finds processes by the folder they were started with, so that a test can show that none is left. Linux alone (/proc). */

import { readdirSync, readFileSync } from 'node:fs'

/** `pid state command` of each process that names the folder in its command, its title or its environment, and of our own unreaped children. */
export function processesOf(folderName: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== `${process.pid}`)
    .flatMap((pid) => {
      // What ends while it is looked at is not left.
      const [command, environment, stat] = ['cmdline', 'environ', 'stat'].map((file) => read(pid, file))
      const [state, parent] = stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
      const isOurs = command!.includes(folderName) || environment!.includes(folderName)
      const isUnreaped = state === 'Z' && parent === `${process.pid}`
      return isOurs || isUnreaped ? [`${pid} ${state} ${command!.replaceAll('\0', ' ')}`] : []
    })
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
