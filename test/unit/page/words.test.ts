/** The one table of messages: both languages, alike, and nothing that the screens do not say. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fill, LANGUAGES, type Message } from '../../../dashboard/src/words/fill.ts'
import { MESSAGES } from '../../../dashboard/src/words/messages.ts'
import { files, textOf } from '../../tidy/source.ts'

const table: readonly (readonly [string, Message])[] = Object.entries(MESSAGES)
const sources = files.filter((path) => /^dashboard\/src\/.*\.tsx?$/.test(path) && !/-words\.ts$/.test(path))

test('every message is there in both languages, with the same blanks', () => {
  for (const [key, message] of table) {
    assert.deepEqual(Object.keys(message).sort(), [...LANGUAGES].sort(), key)
    const blanks = LANGUAGES.map((language) => [
      ...new Set([...message[language].matchAll(/\{(\w+)\}/g)].map(([, name]) => name)),
    ])
    assert.deepEqual(blanks[0]!.sort(), blanks[1]!.sort(), key)
    for (const language of LANGUAGES) assert.notEqual(message[language].trim(), '', `${key} in ${language}`)
  }
})

test('every message is said somewhere', () => {
  const text = sources.map(textOf).join('\n')
  // A key with a part that varies is written `state.${…}`, `${…}.done` or the like.
  const varying = [...text.matchAll(/\bt\(\s*`([^`]+)`/g)].map(
    ([, template]) => new RegExp(`^${template!.replaceAll('.', '\\.').replaceAll(/\$\{[^}]+\}/g, '[^.]+')}$`),
  )
  const isSaid = (key: string) => text.includes(`'${key}'`) || varying.some((pattern) => pattern.test(key))
  assert.deepEqual(
    table.map(([key]) => key).filter((key) => !isSaid(key)),
    [],
  )
})

test('no screen says anything that is not in the table', () => {
  // The name of the product, the names of keys, and PID are the same everywhere.
  const same = /^(Chasqui|Home|End|Enter|Space|PID)$/
  const bare = sources.flatMap((path) =>
    [...textOf(path).matchAll(/<[a-z]\w*(?:\s[^<>]*)?>\s*([A-Za-zÁ-ú][\wÁ-ú .…]{2,}?)\s*[<{]/g)]
      .map(([, text]) => text!)
      .filter((text) => !same.test(text))
      .map((text) => `${path}: ${text}`),
  )
  assert.deepEqual(bare, [])
})

test('one thing and several are told apart, and numbers are written as the language does', () => {
  const message = { en: '{count} task || {count} tasks', es: '{count} tarea || {count} tareas' }
  assert.equal(fill(message, 'en', { count: 1 }), '1 task')
  assert.equal(fill(message, 'es', { count: 12_345 }), '12.345 tareas')
  assert.equal(fill({ en: 'in {time}', es: 'en {time}' }, 'en', { time: '5 s' }), 'in 5 s')
})
