import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseObjectsPlace } from '../../../src/objects/place.ts'

test('a folder is what follows file:, whatever it holds', () => {
  assert.deepEqual(parseObjectsPlace('file:./results'), { kind: 'file', dir: './results' })
  assert.deepEqual(parseObjectsPlace('file:C:\\a b?c'), { kind: 'file', dir: 'C:\\a b?c' })
})

test('a bucket alone is at Amazon, with the bucket in the name of the host', () => {
  assert.deepEqual(parseObjectsPlace('s3://my-bucket'), {
    kind: 's3',
    bucket: 'my-bucket',
    prefix: '',
    endpoint: null,
    region: null,
    isPathStyle: false,
  })
})

test('an endpoint means another server, and so the bucket in the path unless that is denied', () => {
  const place = parseObjectsPlace('s3://results/chasqui//prod/?endpoint=http://127.0.0.1:9000/&region=eu-1')
  assert.deepEqual(place, {
    kind: 's3',
    bucket: 'results',
    prefix: 'chasqui/prod/',
    endpoint: 'http://127.0.0.1:9000',
    region: 'eu-1',
    isPathStyle: true,
  })
  const denied = parseObjectsPlace('s3://results?endpoint=https%3A%2F%2Fs3.example.org&pathStyle=false')
  assert.deepEqual(denied, {
    kind: 's3',
    bucket: 'results',
    prefix: '',
    endpoint: 'https://s3.example.org',
    region: null,
    isPathStyle: false,
  })
})

test('credentials in a place are refused with a sentence that does not repeat them', () => {
  for (const text of [
    's3://AKIAX:hunter2@bucket',
    's3://hunter2@bucket/prefix',
    's3://AKIAX:hunter2',
    's3://bucket?endpoint=http://AKIAX:hunter2@127.0.0.1:9000',
    's3://bucket?accessKeyId=AKIAX&secretAccessKey=hunter2',
    's3://bucket?session_token=hunter2',
    's3://bucket?password=hunter2',
  ]) {
    assert.throws(
      () => parseObjectsPlace(text),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'CONFIG_INVALID')
        assert.match(error.message, /must not hold credentials: set AWS_ACCESS_KEY_ID/)
        assert.doesNotMatch(`${error.stack}`, /hunter2|AKIAX/)
        return true
      },
      text,
    )
  }
})

test('what cannot be a place is refused with what would have been right', () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['', /must be file:DIR or s3:/],
    ['file:', /must be file:DIR or s3:/],
    ['http://bucket', /must be file:DIR or s3:/],
    ['s3://', /must name a bucket/],
    ['s3://ab', /must name a bucket/],
    ['s3://a b', /must name a bucket/],
    ['s3:///prefix', /must name a bucket/],
    ['s3://bucket/../x', /names of letters/],
    ['s3://bucket/a%2Fb', /names of letters/],
    [`s3://bucket/${'x'.repeat(512)}`, /512 characters/],
    ['s3://bucket?endpoint=ftp://host', /needs an endpoint like/],
    ['s3://bucket?endpoint=host:9000', /needs an endpoint like/],
    ['s3://bucket?endpoint=http://h?x=1', /needs an endpoint like/],
    ['s3://bucket?region=', /needs a region/],
    ['s3://bucket?region=a/b', /needs a region/],
    ['s3://bucket?pathStyle=yes', /true or false/],
    ['s3://bucket?region=a&region=b', /region twice/],
    ['s3://bucket?acl=public', /not "acl"/],
  ]
  for (const [text, message] of refusals) {
    assert.throws(() => parseObjectsPlace(text), { code: 'CONFIG_INVALID', message }, text)
  }
})
