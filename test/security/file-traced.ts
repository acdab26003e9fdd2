/** What a process does that is watched by strace: `hostile|save FOLDER KEYS`, between two marks that show in the trace. */
import { statSync } from 'node:fs'
import { signedCodec } from '../../src/codecs/signed.js'
import { fileEngine } from '../../src/engines/file.js'
import { SECRET } from '../support/sites.js'

const [doing, folder = '', keys = '[]'] = process.argv.slice(2)
const engine = fileEngine({ folder, codec: signedCodec({ secretKey: SECRET }) })
const record = { cells: new Map([['a', '1']]), expires: Date.now() + 60_000 }
const mark = (name: string): unknown => statSync(`/mark-${name}`, { throwIfNoEntry: false })
const names = JSON.parse(keys) as readonly string[]

await engine.create('b'.repeat(32), record)
if (doing === 'save') for (const key of names) await engine.create(key, record)
mark('begun')
for (const key of names) {
  if (doing === 'save') await engine.save(key, { ...record, cells: new Map([['a', '2']]) })
  else {
    engine.load(key)
    if (names.length > 1) {
      engine.exists(key)
      engine.touch?.(key, record.expires)
      await engine.save(key, record)
      await engine.delete(key)
      await engine.create(key, record)
    }
  }
}
mark('ended')
