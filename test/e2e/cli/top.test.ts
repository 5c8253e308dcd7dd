/** `chasqui top` on a real terminal, and where there is none. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { connect } from '../../../src/client/connect.ts'
import { eventually } from '../../support/eventually.ts'
import { freePorts } from '../../support/ports.ts'
import { openPseudoTerminal } from '../../support/pseudo-terminal.ts'
import { needProgram } from '../../support/real-parts.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { chasqui, chasquiJson, environment, main, startServer, startUp } from './chasqui.ts'

const python = needProgram('python3')

const ENTERED = '\x1b[?1049h'
const LEFT = '\x1b[?1049l'
const CURSOR_SHOWN = '\x1b[?25h'

function openTop(context: TestContext, args: readonly string[], size = { columns: 100, rows: 24 }) {
  const env = environment({ TERM: 'xterm-256color' })
  return openPseudoTerminal(context, { ...size, env }, [process.execPath, main, 'top', ...args])
}

const has = (words: string) => (lines: readonly string[]) => lines.some((line) => line.includes(words))

test(
  'the live view: lists, views, resizing, pause, help, and the terminal as it was',
  python,
  async (context) => {
    const server = await startUp(context, { workers: 1, args: ['--concurrency', '1'] })
    await using client = await connect(server.address)
    // One that runs for as long as the test, others behind it, and one that failed; a wide name takes two cells a character.
    const long = await client.submit('dormir', { ms: 600_000 }, { id: 'long-one' })
    await client.submit('sumar', [1], { queue: '任務', id: 'waiting' })
    const top = await openTop(context, ['--interval', '200ms', ...server.connect])

    const lines = await top.until(
      'what the worker runs',
      (now) => has('dormir long-one')(now) && /queued 1 .*running 1 on 1 slots/.test(now[1]!),
    )
    assert.deepEqual([lines.length, ...new Set(lines.map((line) => stringWidth(line)))], [24, 100])
    assert.match(
      lines[0]!,
      /^chasqui top {2}chasqui:\/\/127\.0\.0\.1:\d+ {2}embedded, disk .* overview {2}\d\d:\d\d:\d\d UTC$/,
    )
    const row = lines.find((line) => line.startsWith('任務'))
    assert.match(row!, /^任務 +1 +\d[\d.]*( ms| s|m \d+s) +0 +0 /)
    await client.submit('sumar', 'no list', { id: 'broken' })
    await long.cancel()
    await top.until('the failure', has('INVALID_INPUT: the data of task type "sumar" does not fit'))

    // Views by tab, by arrow, by number.
    top.press('\t')
    await top.until('the view of queues', (now) => now[0]!.includes('  queues  ') && !has('Workers')(now))
    top.press('\x1b[C\x1b[C')
    await top.until('the view of failures', (now) => now[0]!.includes('  failures  ') && has('broken')(now))
    top.press('3')
    await top.until('the view of workers', (now) => now[0]!.includes('  workers  ') && has('settled/s')(now))

    // A smaller window is filled exactly, at once.
    top.resize(60, 10)
    const small = await top.until('ten lines', (now) => now.length === 10)
    assert.deepEqual([...new Set(small.map((line) => stringWidth(line)))], [60])
    top.resize(140, 30)
    await top.until('thirty lines', (now) => now.length === 30 && stringWidth(now[0]!) === 140)

    // Held: the time stands still while the picture is drawn anew.
    top.press('1p')
    const held = await top.until('that it is paused', (now) => now[0]!.includes('paused'))
    await client.submit('sumar', [1], { queue: 'while-paused' })
    top.resize(120, 30)
    const later = await top.until('the new width', (now) => stringWidth(now[0]!) === 120)
    assert.deepEqual([later[0]!.slice(-12), has('while-paused')(later)], [held[0]!.slice(-12), false])
    top.press('p')
    await top.until('what came meanwhile', has('while-paused'))
    top.press('?')
    await top.until('the help', has('scroll a list'))

    assert.ok(!top.text.includes(LEFT))
    // No shell is there to let it go on, so it comes back by itself.
    top.press('\x1a')
    await eventually(
      'it left and came back',
      () => top.text.lastIndexOf(ENTERED) > top.text.indexOf(LEFT) && top.text.includes(LEFT),
      60_000,
    )
    top.press('?')
    await top.until('the lists again', has('Workers 1'))
    top.press('q')
    const { code, modes } = await top.ended
    assert.equal(code, 0)
    assert.equal(modes[1], modes[0], 'echo, lines and signals of the terminal')
    assert.equal(top.text.split(ENTERED).length, 3)
    assert.ok(top.text.endsWith(CURSOR_SHOWN + LEFT), JSON.stringify(top.text.slice(-40)))
  },
)

test('Ctrl-C and SIGTERM end it as cleanly, with their codes', python, async (context) => {
  const server = await startUp(context, { workers: 0 })
  const ends: readonly [string, number, (top: Awaited<ReturnType<typeof openTop>>) => void][] = [
    ['Ctrl-C', 130, (top) => top.press('\x03')],
    ['SIGTERM', 143, (top) => top.signal(15)],
    ['SIGHUP', 129, (top) => top.signal(1)],
  ]
  await Promise.all(
    ends.map(async ([how, expected, end]) => {
      const top = await openTop(context, server.connect)
      await top.until('the engine', has('embedded, disk'))
      end(top)
      const { code, modes } = await top.ended
      assert.deepEqual([how, code, modes[1]], [how, expected, modes[0]])
      assert.ok(top.text.endsWith(CURSOR_SHOWN + LEFT), how)
    }),
  )
})

test(
  'a server that is gone is told of, keys work, and it is shown again when it is back',
  python,
  async (context) => {
    const [port, folder] = [await freePorts(), temporaryFolder(context, 'top')]
    const start = () =>
      startServer(context, ['distributor', '--engine', `embedded:${folder}`, '--port', String(port)])
    const first = await start()
    const top = await openTop(context, ['--interval', '100ms', ...first.connect])
    await top.until('the engine', has('embedded, disk'))
    await first.kill('SIGKILL')
    await top.until('that nobody answers', has(`no answer from ${first.address} for`))
    top.press('?')
    await top.until('the help', has('scroll a list'))
    top.press('?')
    await start()
    await top.until('what it shows again', (now) => !has('no answer')(now) && has('in 0/s')(now))
    top.press('q')
    assert.equal((await top.ended).code, 0)
  },
)

test('whoever may not look is told so in a sentence, on the terminal as it was', python, async (context) => {
  const tokens = join(temporaryFolder(context, 'tokens'), 'tokens.json')
  const token = (args: readonly string[]) => chasquiJson(['token', 'create', ...args, '--tokens', tokens])
  const [created] = await token(['ana', '--rights', 'submit'])
  const server = await startServer(context, ['distributor', '--engine', 'memory', '--tokens', tokens])
  const top = await openTop(context, ['--token', String(created!.token), ...server.connect])
  assert.equal((await top.ended).code, 1)
  const [, after] = top.text.split(LEFT)
  assert.equal(stripVTControlCharacters(after!), 'chasqui: "ana" does not have the right to observe.\r\n')
})

test('without a terminal it shows one picture; with --json one line, or one after the other', async (context) => {
  const server = await startUp(context, { workers: 1 })
  const args = ['--interval', '100ms', ...server.connect]
  const submitted = await chasqui(['submit', 'sumar', '[5,7]', '--count', '3', '--wait', ...server.connect])
  assert.equal(submitted.code, 0, submitted.stderr)
  const piped = await chasqui(['top', ...args])
  assert.equal(piped.code, 0, piped.stderr)
  assert.equal(piped.stdout.includes('\x1b'), false)
  assert.match(piped.stdout, /^Queues 1\nqueue +queued .*\ndefault +0 /m)
  assert.match(piped.stdout, /^Workers 1\n *pid +host /m)
  assert.match(piped.stdout, /^Failures 0\nnone\n$/m)
  const [value] = await chasquiJson(['top', '--once', ...args])
  const { engine, perSecond, queues, workers, failures } = value as Record<string, unknown[]> & {
    engine: string
  }
  assert.deepEqual([engine, perSecond, failures], ['embedded', { submitted: 0, succeeded: 0, failed: 0 }, []])
  assert.equal((queues![0] as { totals: { succeeded: number } }).totals.succeeded, 3)
  assert.deepEqual((workers![0] as { running: unknown[] }).running, [])
  const wrong = await chasqui(['top', '--interval', '10ms'])
  assert.deepEqual([wrong.code, wrong.stderr], [2, 'chasqui: --interval must be 100ms or more.\n'])
})
