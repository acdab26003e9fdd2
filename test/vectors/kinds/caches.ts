import { pickleCodec } from '../../../src/codecs/pickle.js'
import { type CacheKeys, cacheKeys } from '../../../src/engines/cache.js'
import { joinObject, splitObject } from '../../../src/wire/json.js'
import { all, type Check, check, same } from '../runner.js'

const codec = pickleCodec()

const jsonOf = (bytes: Uint8Array): string | null => {
  const cells = codec.decode(bytes)
  return cells === null ? null : joinObject(cells)
}

/** What Django's cache engines keep, and under which names. */
export const cacheKinds: Readonly<Record<string, Check>> = {
  cache_key: check<
    { engine: CacheKeys; KEY_PREFIX: string; VERSION: number; session_key: string },
    { cache_key: string }
  >(({ engine, KEY_PREFIX, VERSION, session_key }, { cache_key }) =>
    same(cache_key, cacheKeys(engine, KEY_PREFIX, VERSION)(session_key)),
  ),

  pickle: check<{ pickle_b64: string }, { json: string }>(({ pickle_b64 }, { json }) =>
    all(same(json, jsonOf(Buffer.from(pickle_b64, 'base64'))), same(json, jsonOf(codec.encode(splitObject(json)!)))),
  ),
}
