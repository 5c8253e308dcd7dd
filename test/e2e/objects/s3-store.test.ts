/** The S3 store on a real radosgw: the contract of the port, what only S3 has, and its faults. */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { fileScope } from '../../support/file-scope.ts'
import { needRadosgw } from '../../support/real-parts.ts'
import { listed, objectStoreContract } from '../../unit/objects/contract.ts'
import { s3Faults } from './s3-faults.ts'
import { openStore, S3World } from './s3-world.ts'

const { skip } = needRadosgw()
const scope = fileScope()
let s3: S3World

before(async () => {
  if (skip === false) s3 = await S3World.open(scope)
})

objectStoreContract({
  skip,
  manyObjects: 1_005,
  async place(context) {
    const bucket = await s3.bucket(context)
    return { open: () => openStore(s3.place(bucket, { prefix: '/deep/er' })) }
  },
})

test('places in one bucket do not see each other, whichever lies in the other', { skip }, async (context) => {
  const bucket = await s3.bucket(context)
  const stores = await Promise.all(
    ['', '/a', '/a/b', '/ab'].map((prefix) => openStore(s3.place(bucket, { prefix }))),
  )
  for (const [index, store] of stores.entries()) await store.put('k', `${index}`)
  for (const [index, store] of stores.entries()) {
    assert.equal((await store.get('k'))?.toString(), `${index}`)
    assert.deepEqual(await listed(store.list()), ['k'])
  }
  await stores[1]!.delete('k')
  assert.equal((await stores[2]!.get('k'))?.toString(), '2')
  await Promise.all(stores.map((store) => store.close()))
})

s3Faults(() => s3, skip)
