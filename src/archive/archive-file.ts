/** Where archives lie: a file, compressed when its name ends in `.gz`, or standard input and output. */

import { createReadStream } from 'node:fs'
import { access, type FileHandle, open, truncate } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createGunzip, createGzip } from 'node:zlib'
import { ChasquiError } from '../task/errors.ts'
import { lineBlocks } from './lines.ts'
import { invalid, Transcript } from './transcript.ts'

/** Standard input or output. */
export const STANDARD = '-'

/** Compressed, a page is a third; more effort costs more time than it saves room. */
const GZIP_LEVEL = 3

export interface ArchiveSink {
  /** What the file holds already; new when it holds nothing. */
  readonly transcript: Transcript
  write(text: string): Promise<void>
  /** Everything is on disk. */
  finish(): Promise<void>
  /** Lets go of the file, however far it came. Repeatable. */
  close(): Promise<void>
}

/** @param resume goes on after the last whole line of the file; else there must be none */
export async function openSink(path: string, resume: boolean): Promise<ArchiveSink> {
  const isCompressed = path.endsWith('.gz')
  if (path === STANDARD || isCompressed) {
    if (resume) {
      throw new ChasquiError(
        'CONFIG_INVALID',
        `only a plain file can be resumed, not ${path === STANDARD ? 'standard output' : `the compressed ${path}`}: export it anew`,
      )
    }
    if (path === STANDARD) return standardSink()
  }
  const transcript = resume && (await exists(path)) ? await readBegun(path) : new Transcript(path)
  // `wx`: never over a file that is there. An appending one is only opened by --resume, for what it has verified.
  const handle = await translated(path, 'written', () => open(path, resume ? 'a' : 'wx'))
  return isCompressed ? compressedSink(handle, transcript) : plainSink(handle, transcript)
}

function standardSink(): ArchiveSink {
  const name = 'standard output'
  return {
    transcript: new Transcript(name),
    write: (text) =>
      translated(
        name,
        'written',
        () =>
          new Promise<void>((resolve, reject) => {
            process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)))
          }),
      ),
    finish: async () => {},
    close: async () => {},
  }
}

function plainSink(handle: FileHandle, transcript: Transcript): ArchiveSink {
  const { name } = transcript
  let isOpen = true
  return {
    transcript,
    write: (text) => translated(name, 'written', () => handle.appendFile(text)),
    finish: () =>
      translated(name, 'written', async () => {
        await handle.sync()
        await syncFolder(dirname(name))
      }),
    close: async () => {
      if (isOpen) await handle.close()
      isOpen = false
    },
  }
}

function compressedSink(handle: FileHandle, transcript: Transcript): ArchiveSink {
  const plain = plainSink(handle, transcript)
  const gzip = createGzip({ level: GZIP_LEVEL })
  const copied = (async () => {
    for await (const chunk of gzip) {
      await translated(transcript.name, 'written', () => handle.appendFile(chunk as Buffer))
    }
  })()
  // Whoever writes or finishes is told; until then nobody waits for it.
  copied.catch((error: Error) => gzip.destroy(error))
  return {
    transcript,
    write: (text) =>
      new Promise((resolve, reject) => {
        gzip.write(text, (error) => (error == null ? resolve() : reject(error)))
      }),
    async finish() {
      gzip.end()
      await copied
      await plain.finish()
    },
    async close() {
      gzip.destroy()
      await copied.catch(() => {})
      await plain.close()
    },
  }
}

/** Verifies what an export that was stopped has written, and cuts off a line that it did not finish. */
async function readBegun(path: string): Promise<Transcript> {
  const transcript = new Transcript(path)
  let bytes = 0
  const { chunks } = openSource(path)
  for await (const { lines, endsAtByte } of lineBlocks(chunks, path)) {
    for (const line of lines) transcript.read(line)
    bytes = endsAtByte
  }
  await translated(path, 'written', () => truncate(path, bytes))
  return transcript
}

export interface ArchiveSource {
  readonly chunks: AsyncIterable<Buffer>
  readonly name: string
  /** It can be read a second time. */
  readonly isFile: boolean
}

export function openSource(path: string): ArchiveSource {
  if (path === STANDARD) return { chunks: process.stdin, name: 'standard input', isFile: false }
  return { chunks: chunksOf(path), name: path, isFile: true }
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path)
  try {
    if (!path.endsWith('.gz')) {
      for await (const chunk of file) yield chunk as Buffer
      return
    }
    const gunzip = createGunzip()
    file.on('error', (error) => gunzip.destroy(error))
    for await (const chunk of file.pipe(gunzip)) yield chunk as Buffer
  } catch (cause) {
    if (cause instanceof ChasquiError) throw cause
    const { message, code } = cause as NodeJS.ErrnoException
    if (code?.startsWith('Z_') === true) throw invalid(`${path} is truncated or altered: ${message}`, cause)
    throw cannot(path, 'read', cause)
  } finally {
    file.destroy()
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** So that not only the file's content is safe, but also its name. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

async function translated<T>(name: string, what: 'read' | 'written', work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      const message = `${name} is there already: go on with --resume where an export was interrupted, or remove the file first`
      throw new ChasquiError('CONFIG_INVALID', message, { cause })
    }
    throw cannot(name, what, cause)
  }
}

function cannot(name: string, what: 'read' | 'written', cause: unknown): ChasquiError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new ChasquiError('CONFIG_INVALID', `${name} cannot be ${what}: ${why}`, { cause })
}
