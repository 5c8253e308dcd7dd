/** From the place that `--objects` names to an open object store. */

import { openFileStore } from '../objects/file-store.ts'
import type { ObjectStore } from '../objects/object-store.ts'
import { type ObjectsPlace, parseObjectsPlace } from '../objects/place.ts'

/** @throws ChasquiError CONFIG_INVALID or STORE_FAILED, one sentence */
export async function openObjects(text: string): Promise<ObjectStore> {
  return await openPlace(parseObjectsPlace(text))
}

async function openPlace(place: ObjectsPlace): Promise<ObjectStore> {
  if (place.kind === 'file') return await openFileStore({ dir: place.dir })
  // Only who uses S3 pays for loading its client.
  const { openS3Store } = await import('../objects/s3-store.ts')
  return await openS3Store(place)
}
