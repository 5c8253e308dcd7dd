/** What `chasqui submit` reads: JSON from the command line, a file (`@file`) or standard input (`-`), whole or line by line. */

import { createReadStream } from 'node:fs'
import type { Json } from '../task/task.ts'
import { CommandError } from './exit-codes.ts'

/** The one value that an argument stands for. */
export async function readJson(argument: string, bytesMax: number): Promise<Json> {
  if (!isSource(argument)) return parsed(argument, 'the data on the command line')
  const chunks: string[] = []
  let length = 0
  for await (const chunk of chunksOf(argument)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > bytesMax) throw tooLong(nameOf(argument), bytesMax)
  }
  return parsed(chunks.join(''), nameOf(argument))
}

export interface NumberedLine {
  readonly number: number
  readonly value: Json
}

/** The values of an NDJSON source, one a line; empty lines are passed over. Reads on only as fast as it is asked, one chunk ahead. */
export async function* readJsonLines(argument: string, lineLengthMax: number): AsyncGenerator<NumberedLine> {
  if (!isSource(argument)) {
    throw new CommandError('usage', '--ndjson reads from a file (@tasks.ndjson) or from standard input (-).')
  }
  const name = nameOf(argument)
  let number = 0
  let rest = ''
  const numbered = (line: string): NumberedLine => ({
    number,
    value: parsed(line, `line ${number} of ${name}`),
  })
  for await (const chunk of chunksOf(argument)) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    if (rest.length > lineLengthMax) throw tooLong(`line ${number + 1} of ${name}`, lineLengthMax)
    for (const line of lines) {
      number++
      if (line.trim() !== '') yield numbered(line)
    }
  }
  number++
  if (rest.trim() !== '') yield numbered(rest)
}

export function isSource(argument: string): boolean {
  return argument === '-' || argument.startsWith('@')
}

function nameOf(source: string): string {
  return source === '-' ? 'standard input' : source.slice(1)
}

async function* chunksOf(source: string): AsyncGenerator<string> {
  const stream = source === '-' ? process.stdin : createReadStream(source.slice(1))
  stream.setEncoding('utf8')
  try {
    for await (const chunk of stream) yield chunk as string
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError('usage', `${nameOf(source)} cannot be read: ${why}.`, { cause })
  }
}

function parsed(text: string, where: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CommandError('usage', `${where} is not JSON: ${why}.`, { cause })
  }
}

function tooLong(where: string, max: number): CommandError {
  return new CommandError(
    'usage',
    `${where} is longer than ${max} characters, the longest message (--frame-max).`,
  )
}
