/** The certificate of a test's server, in the forms that balancers and distributors want. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { certificateFiles } from '../../support/certificates.ts'

export interface Certificate {
  readonly certFile: string
  readonly keyFile: string
  /** Both in one, as HAProxy wants them. */
  readonly bundleFile: string
  /** For clients. */
  readonly ca: string
}

export async function makeCertificate(context: TestContext): Promise<Certificate> {
  const { folder, ca, cert, key } = await certificateFiles(context)
  const bundleFile = join(folder, 'bundle.pem')
  writeFileSync(bundleFile, readFileSync(cert, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 })
  return { certFile: cert, keyFile: key, bundleFile, ca: readFileSync(ca, 'utf8') }
}
