/** What the S3 store does when the server, the network or the credentials are not as they should be. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ObjectStore } from '../../../src/objects/object-store.ts'
import { S3_CALL_MS, S3_CLOSE_MS, S3_OPEN_MS, S3_SOCKETS_MAX } from '../../../src/task/limits.ts'
import { eventually } from '../../support/eventually.ts'
import { atEnd, temporaryFolder } from '../../support/temporary.ts'
import { listed } from '../../unit/objects/contract.ts'
import { openStore, type S3World } from './s3-world.ts'

/** Beyond the deadline of the store itself: a busy machine is not a store that hangs. */
const MARGIN_MS = 15_000
const WRONG_SECRET = 'this-is-not-the-secret'

export function s3Faults(world: () => S3World, skip: string | false): void {
  const fault = (name: string, run: (context: TestContext, world: S3World) => Promise<void>) =>
    test(name, { skip }, (context) => run(context, world()))

  const opened = async (context: TestContext, place: string): Promise<ObjectStore> => {
    const store = await openStore(place)
    atEnd(context, () => store.close())
    return store
  }

  fault(
    'opening says in one sentence what is wrong with the bucket or the credentials, and no secret',
    async (context, s3) => {
      const bucket = await s3.bucket(context)
      atEnd(context, () => s3.be(s3.owner))
      const refusals: readonly [Parameters<S3World['be']>[0], string, RegExp][] = [
        [
          s3.owner,
          'there-is-no-such-bucket',
          /: the bucket there-is-no-such-bucket at http:\S+ does not exist$/,
        ],
        [null, bucket, /: no credentials for S3 were found: set AWS_ACCESS_KEY_ID/],
        [
          { ...s3.owner, secretKey: WRONG_SECRET },
          bucket,
          /refuses the signature: the secret key does not belong/,
        ],
        [{ accessKey: 'AKNOBODY', secretKey: WRONG_SECRET }, bucket, /does not know this access key$/],
      ]
      for (const [credentials, name, message] of refusals) {
        s3.be(credentials)
        await assert.rejects(
          openStore(s3.place(name)),
          (error: Error & { code?: string; cause?: unknown }) => {
            assert.equal(error.code, 'CONFIG_INVALID', error.message)
            assert.match(error.message, /^the object store cannot be opened: /)
            assert.match(error.message, message)
            assert.doesNotMatch(error.message, /\n/)
            const everything = JSON.stringify([
              error.stack,
              error.cause,
              Object.entries(error.cause as object),
            ])
            assert.ok(
              !everything.includes(WRONG_SECRET) && !everything.includes(s3.owner.secretKey),
              everything,
            )
            return true
          },
        )
      }
    },
  )

  fault('a right that is missing is told by who needs it', async (context, s3) => {
    const place = s3.place(await s3.bucket(context))
    const store = await opened(context, place)
    await store.put('k', 'x')
    await s3.deny(new URL(place).hostname, ['s3:PutObject', 's3:GetObject', 's3:DeleteObject'])
    const denied = { code: 'STORE_FAILED', message: /no right to do that in the bucket/ }
    await assert.rejects(store.put('k', 'y'), denied)
    await assert.rejects(store.get('k'), denied)
    await assert.rejects(store.delete('k'), denied)
    assert.deepEqual(await listed(store.list()), ['k'])
    await s3.deny(new URL(place).hostname, ['s3:ListBucket'])
    await assert.rejects(openStore(place), {
      code: 'CONFIG_INVALID',
      message: /no right to do that in the bucket/,
    })
  })

  fault(
    'opening where nobody listens, where nobody answers, and where no S3 answers ends by its deadline',
    async (context, s3) => {
      const bucket = await s3.bucket(context)
      const proxy = await s3.proxy(context)
      proxy.mode = 'blackhole'
      const refusing = await s3.proxy(context)
      refusing.mode = 'refuse'
      const web = http
        .createServer((_, response) => response.end('<html><body>hello</body></html>'))
        .listen(0)
      await once(web, 'listening')
      atEnd(context, () => web.close())
      const startedMs = Date.now()
      const failed = (port: number, code: string, message: RegExp) =>
        assert.rejects(openStore(s3.place(bucket, { port })), { code, message })
      await Promise.all([
        failed(1, 'STORE_FAILED', /127\.0\.0\.1:1 cannot be reached: connect ECONNREFUSED/),
        failed(refusing.port, 'STORE_FAILED', /cannot be reached: /),
        failed(proxy.port, 'STORE_FAILED', /does not answer in time$/),
        failed((web.address() as AddressInfo).port, 'CONFIG_INVALID', /does not answer like S3$/),
      ])
      assert.ok(Date.now() - startedMs < S3_OPEN_MS + MARGIN_MS)
    },
  )

  fault(
    'a bucket that is removed while the store is open is told by every call, and is no missing object',
    async (context, s3) => {
      const bucket = await s3.bucket(context)
      const store = await opened(context, s3.place(bucket))
      await store.put('k', 'x')
      await s3.remove(bucket)
      const gone = { code: 'STORE_FAILED', message: /does not exist$/ }
      await assert.rejects(store.put('k', 'x'), gone)
      await assert.rejects(store.get('k'), gone)
      await assert.rejects(store.delete('k'), gone)
      await assert.rejects(listed(store.list()), gone)
    },
  )

  fault(
    'a server that went down fails calls in bounded time, and the same store works when it is back',
    async (context, s3) => {
      const proxy = await s3.proxy(context)
      const store = await opened(context, s3.place(await s3.bucket(context), { port: proxy.port }))
      await store.put('k', 'before')
      proxy.mode = 'refuse'
      proxy.reset()
      const startedMs = Date.now()
      const down = {
        code: 'STORE_FAILED',
        message: /cannot be (written|read|deleted|listed): .* cannot be reached: /,
      }
      await Promise.all([
        assert.rejects(store.put('k', 'while it is down'), down),
        assert.rejects(store.get('k'), down),
        assert.rejects(store.delete('k'), down),
        assert.rejects(listed(store.list()), down),
      ])
      assert.ok(Date.now() - startedMs < S3_CALL_MS + MARGIN_MS)
      proxy.mode = 'up'
      assert.equal((await store.get('k'))?.toString(), 'before')
      await store.put('k', 'after')
      assert.equal((await store.get('k'))?.toString(), 'after')
    },
  )

  fault(
    'a connection that breaks in the middle of a put is made again, and the value arrives whole',
    async (context, s3) => {
      const proxy = await s3.proxy(context)
      const store = await opened(context, s3.place(await s3.bucket(context), { port: proxy.port }))
      const value = 'ab'.repeat(1_000_000)
      for (const cutAfterBytes of [1, 300_000, 2_000_100]) {
        proxy.cutAfterBytes = cutAfterBytes
        await store.put('k', value)
        assert.equal(proxy.cutAfterBytes, Number.POSITIVE_INFINITY, 'it was not cut')
        assert.equal((await store.get('k'))?.toString(), value)
      }
      proxy.cutAfterBytes = 1_000_000
      await assert.rejects(store.get('k'), { code: 'STORE_FAILED', message: /cannot be read: / })
      assert.equal((await store.get('k'))?.toString(), value, 'half a value was taken for the whole')
    },
  )

  fault(
    'a server that takes the request and says nothing is given up; what it kept is whole',
    async (context, s3) => {
      const proxy = await s3.proxy(context)
      const store = await opened(context, s3.place(await s3.bucket(context), { port: proxy.port }))
      await store.put('k', 'before')
      proxy.mode = 'blackhole-down'
      const startedMs = Date.now()
      const silent = { code: 'STORE_FAILED', message: /does not answer in time$/ }
      await Promise.all([
        assert.rejects(store.put('k', 'after!'), silent),
        assert.rejects(store.get('k'), silent),
      ])
      assert.ok(Date.now() - startedMs < S3_CALL_MS + MARGIN_MS)
      proxy.mode = 'up'
      assert.match((await store.get('k'))!.toString(), /^(before|after!)$/)
    },
  )

  fault('a server that does not answer does not keep the store from closing', async (context, s3) => {
    const proxy = await s3.proxy(context)
    const store = await openStore(s3.place(await s3.bucket(context), { port: proxy.port }))
    proxy.mode = 'blackhole-down'
    // More than run at a time: some wait for their turn.
    const puts = Array.from({ length: 2 * S3_SOCKETS_MAX }, (_, index) => store.put(`k${index}`, 'x'))
    const results = Promise.allSettled(puts)
    const startedMs = Date.now()
    await store.close()
    assert.ok(Date.now() - startedMs < S3_CLOSE_MS + MARGIN_MS / 2, `${Date.now() - startedMs} ms`)
    for (const result of await results) {
      assert.equal(result.status === 'rejected' && result.reason.code, 'CLOSED')
    }
  })

  fault('a connection that hangs is given up for another one', async (context, s3) => {
    const proxy = await s3.proxy(context)
    const store = await opened(context, s3.place(await s3.bucket(context), { port: proxy.port }))
    proxy.mode = 'blackhole'
    proxy.reset()
    const before = proxy.connections
    const put = store.put('k', 'in the end')
    await eventually('a connection is made, and swallowed', () => proxy.connections > before)
    // From here on others get through, but not that one.
    proxy.mode = 'up'
    await put
    assert.equal((await store.get('k'))?.toString(), 'in the end')
  })

  fault('a slow line is only slow, also for those who wait until it is their turn', async (context, s3) => {
    const proxy = await s3.proxy(context)
    const store = await opened(context, s3.place(await s3.bucket(context), { port: proxy.port }))
    proxy.latencyMs = 400
    const keys = Array.from({ length: 300 }, (_, index) => `k${index}`)
    await Promise.all(keys.map((key) => store.put(key, key)))
    proxy.latencyMs = 20
    await store.put('large', 'x'.repeat(300_000))
    assert.equal((await store.get('large'))?.length, 300_000)
    assert.equal((await listed(store.list('k'))).length, keys.length)
  })

  fault('credentials that take too long to be found do not keep anybody waiting', async (context, s3) => {
    const file = join(temporaryFolder(context, 'profile'), 'config')
    writeFileSync(file, '[profile slow]\ncredential_process = sleep 15\n')
    const place = s3.place(await s3.bucket(context))
    const config = process.env.AWS_CONFIG_FILE
    atEnd(context, () => {
      process.env.AWS_CONFIG_FILE = config
      delete process.env.AWS_PROFILE
      s3.be(s3.owner)
    })
    s3.be(null)
    Object.assign(process.env, { AWS_CONFIG_FILE: file, AWS_PROFILE: 'slow' })
    await assert.rejects(openStore(place), { code: 'STORE_FAILED', message: /does not answer in time$/ })
  })

  fault(
    'however many calls are made at once, and however large, they share a bounded number of connections',
    async (context, s3) => {
      const proxy = await s3.proxy(context)
      const store = await opened(context, s3.place(await s3.bucket(context), { port: proxy.port }))
      // Above 2 MiB the SDK would leave the agent that bounds its sockets.
      const large = 'x'.repeat(3 * 1024 * 1024)
      await Promise.all([
        ...Array.from({ length: 200 }, (_, index) => store.put(`small-${index}`, 'x')),
        ...Array.from({ length: 40 }, (_, index) => store.put(`large-${index % 4}`, large)),
      ])
      assert.ok(proxy.connections <= S3_SOCKETS_MAX, `${proxy.connections} connections`)
      const before = proxy.connections
      for (let round = 0; round < 20; round++) await store.get('small-1')
      assert.ok(proxy.connections <= before + 1, 'connections are not kept')
    },
  )

  fault('a body that was changed on the way is refused by the server', async (context, s3) => {
    const bucket = await s3.bucket(context)
    const direct = await opened(context, s3.place(bucket))
    await direct.put('k', 'the old value')
    const forging = http.createServer((request, response) => {
      const { method, url, headers } = request
      const onward = http.request(
        { port: s3.port, host: '127.0.0.1', method, path: url, headers },
        (answer) => {
          response.writeHead(answer.statusCode!, answer.headers)
          answer.pipe(response)
        },
      )
      request.on('data', (chunk: Buffer) =>
        onward.write(Buffer.from(chunk.toString().replace('right', 'wrong'))),
      )
      request.on('end', () => onward.end())
    })
    forging.listen(0, '127.0.0.1')
    await once(forging, 'listening')
    atEnd(context, () => {
      forging.closeAllConnections()
      forging.close()
    })
    const { port } = forging.address() as AddressInfo
    const store = await opened(context, s3.place(bucket, { port }))
    await store.put('k', 'nothing to change')
    await assert.rejects(store.put('k', 'this is right'), { code: 'STORE_FAILED', message: /answers 400/ })
    assert.equal((await direct.get('k'))?.toString(), 'nothing to change')
  })
}
