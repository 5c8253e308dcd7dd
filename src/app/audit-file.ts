/**
 * The audit log as a file: one JSON line an entry, only ever appended to. After the file was moved away, SIGHUP (`reopen`) begins a new one.
 *
 * Invariants: entries stand in the order in which things happened; what cannot be written is counted, said in the log, and said in the file as soon as that
 * works again; memory is bounded whatever the disk does.
 */

import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import type { AuditLine } from '../engine/audit.ts'
import { ChasquiError } from '../task/errors.ts'
import { AUDIT_BYTES_WAITING_MAX } from '../task/limits.ts'
import type { Log } from '../telemetry/log.ts'
import type { AuditSink } from './audit-sink.ts'

/** @throws ChasquiError CONFIG_INVALID: it cannot be written to */
export async function openAuditFile(path: string, log: Log): Promise<AuditSink> {
  const file = new StreamedAudit(path, log)
  await file.opened()
  return file
}

class StreamedAudit implements AuditSink {
  readonly #path: string
  readonly #log: Log
  #stream: WriteStream
  #lost = 0

  constructor(path: string, log: Log) {
    this.#path = path
    this.#log = log
    this.#stream = this.#open()
  }

  async opened(): Promise<void> {
    try {
      await once(this.#stream, 'open')
    } catch (cause) {
      const why = (cause as Error).message
      throw new ChasquiError('CONFIG_INVALID', `--audit ${this.#path} cannot be written to: ${why}`, {
        cause,
      })
    }
  }

  write(line: AuditLine, text: string): void {
    if (this.#stream.destroyed || this.#stream.writableLength > AUDIT_BYTES_WAITING_MAX) {
      if (this.#lost++ === 0) this.#log.event('audit.lost', { reason: 'the file does not take them' })
      return
    }
    const whole = this.#lost === 0 ? text : JSON.stringify({ ...line, lostBefore: this.#lost })
    this.#lost = 0
    this.#stream.write(`${whole}\n`)
  }

  reopen(): void {
    this.#stream.end()
    this.#stream = this.#open()
  }

  async close(): Promise<void> {
    if (this.#stream.destroyed) return
    await new Promise<void>((resolve) => this.#stream.end(resolve).once('error', () => resolve()))
  }

  #open(): WriteStream {
    const stream = createWriteStream(this.#path, { flags: 'a', mode: 0o600 })
    stream.on('error', (error) => this.#log.event('audit.lost', { reason: error.message }))
    return stream
  }
}
