/** `chasqui cert`: certificates for a first try of TLS. */

import type { Command } from 'commander'
import { action } from './action.ts'
import { addCommand, addJson, listOption } from './common-options.ts'
import { asUsage } from './exit-codes.ts'

/** What a distributor on this machine is called by programs on it. */
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '::1']

export function addCert(program: Command): void {
  const command = addCommand(program, {
    usage: 'cert <what>',
    description:
      'Makes a private authority and certificates of a server and a client, for a first try of TLS: `chasqui cert dev`. Not for the world: whoever has the folder can be any of them.',
    examples: [
      ['chasqui cert dev', 'ca, server and client in ./chasqui-certs, for this machine'],
      ['chasqui cert dev --host queue.internal,10.0.0.5', 'a server that is called by these names, too'],
    ],
  })
  addJson(command)
    .option('--dir <dir>', 'folder for the six files', './chasqui-certs')
    .option('--host <a,b>', 'further names and addresses of the server', listOption, [])
    .option('--client <name>', 'who the client is', 'dev')
  command.action(
    action(async ({ screen, options, command: own }, what: string) => {
      if (what !== 'dev') own.error(`error: there is only "cert dev", not "cert ${what}"`, { exitCode: 2 })
      const { dir, host, client } = options as { dir: string; host: readonly string[]; client: string }
      // Loaded only here: no other command needs it.
      const { DEV_FILES, writeDevCertificates } = await import('../app/dev-certificates.ts')
      const hosts = [...LOCAL_HOSTS, ...host]
      await asUsage(writeDevCertificates({ dir, hosts, client }, Date.now()))
      if (screen.json) screen.value({ dir, hosts, client, files: DEV_FILES })
      else {
        const { ca, server, serverKey, client: cert, clientKey } = DEV_FILES
        const path = (name: string) => `${dir}/${name}`
        screen.line(`Made in ${dir}, for ${hosts.join(', ')}. Try:`)
        screen.line(`  chasqui distributor --tls-cert ${path(server)} --tls-key ${path(serverKey)}`)
        screen.line(`  chasqui stats --connect chasquis://localhost --tls-ca ${path(ca)}`)
        screen.line('With --tls-ca on the distributor, too, clients show who they are:')
        screen.line(`  … --tls-cert ${path(cert)} --tls-key ${path(clientKey)}`)
      }
      return 'done'
    }),
  )
}
