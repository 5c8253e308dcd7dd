/** A real radosgw and what tests do around it: buckets of their own, credentials in the environment, a proxy in between. */

import { randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import type { ObjectStore } from '../../../src/objects/object-store.ts'
import { parseObjectsPlace } from '../../../src/objects/place.ts'
import { openS3Store } from '../../../src/objects/s3-store.ts'
import { openBed } from '../../support/bed.ts'
import { FaultProxy } from '../../support/fault-proxy.ts'
import { atEnd, type Scope } from '../../support/temporary.ts'

export interface Credentials {
  readonly accessKey: string
  readonly secretKey: string
}

export class S3World {
  readonly port: number
  readonly owner: Credentials
  readonly #client: S3Client

  private constructor(port: number, owner: Credentials) {
    this.port = port
    this.owner = owner
    this.#client = new S3Client({
      endpoint: this.endpoint(),
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: owner.accessKey, secretAccessKey: owner.secretKey },
    })
  }

  /** Credentials of this machine must not get in the way, nor into a test. */
  static async open(scope: Scope): Promise<S3World> {
    const { objects, env } = await (await openBed(scope)).objects()
    const endpoint = new URL(objects).searchParams.get('endpoint')
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
    Object.assign(process.env, {
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    })
    const owner = { accessKey: env.AWS_ACCESS_KEY_ID, secretKey: env.AWS_SECRET_ACCESS_KEY }
    const world = new S3World(Number(new URL(endpoint!).port), owner)
    world.be(world.owner)
    return world
  }

  /** What this process, and those that it starts, say who they are; null: nobody. */
  be(credentials: Credentials | null): void {
    if (credentials === null) {
      delete process.env.AWS_ACCESS_KEY_ID
      delete process.env.AWS_SECRET_ACCESS_KEY
      return
    }
    process.env.AWS_ACCESS_KEY_ID = credentials.accessKey
    process.env.AWS_SECRET_ACCESS_KEY = credentials.secretKey
  }

  endpoint(port = this.port): string {
    return `http://127.0.0.1:${port}`
  }

  /** A new bucket, emptied and deleted with the test. */
  async bucket(context: TestContext): Promise<string> {
    const Bucket = `test-${randomUUID()}`
    await this.#client.send(new CreateBucketCommand({ Bucket }))
    atEnd(context, () => this.remove(Bucket))
    return Bucket
  }

  /** Nobody may do that any more, the owner neither. */
  async deny(Bucket: string, actions: readonly string[]): Promise<void> {
    const where = { Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`] }
    const statement = { Effect: 'Deny', Principal: '*', Action: actions, ...where }
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
    await this.#client.send(new PutBucketPolicyCommand({ Bucket, Policy }))
  }

  async remove(Bucket: string): Promise<void> {
    try {
      await this.#client.send(new DeleteBucketPolicyCommand({ Bucket }))
      for (;;) {
        const { Contents: found = [] } = await this.#client.send(new ListObjectsV2Command({ Bucket }))
        if (found.length === 0) break
        const Objects = found.map(({ Key }) => ({ Key }))
        await this.#client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))
      }
      await this.#client.send(new DeleteBucketCommand({ Bucket }))
    } catch (error) {
      if ((error as Error).name !== 'NoSuchBucket') throw error
    }
  }

  /** `port`: of a proxy. */
  place(bucket: string, { port = this.port, prefix = '' } = {}): string {
    return `s3://${bucket}${prefix}?endpoint=${this.endpoint(port)}`
  }

  async proxy(context: TestContext): Promise<FaultProxy> {
    const proxy = await FaultProxy.open({ port: this.port })
    atEnd(context, () => proxy.close())
    return proxy
  }
}

export async function openStore(place: string): Promise<ObjectStore> {
  const parsed = parseObjectsPlace(place)
  if (parsed.kind !== 's3') throw new Error(`not a bucket: ${place}`)
  return await openS3Store(parsed)
}
