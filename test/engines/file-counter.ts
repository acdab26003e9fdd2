/**
 * A process that counts in a session of the file engine: `FOLDER KEY TIMES`. It prints each count when its save was
 * acknowledged, and by how many other writers it was told to try again.
 */
import { writeSync } from 'node:fs'
import { signedCodec } from '../../src/codecs/signed.js'
import { fileEngine } from '../../src/engines/file.js'
import { SECRET } from '../support/sites.js'

const [folder, key = '', times] = process.argv.slice(2)
const engine = fileEngine({ folder, codec: signedCodec({ secretKey: SECRET }), sync: process.env['SYNC'] === '1' })
let conflicts = 0
for (let done = 0; done < Number(times); ) {
  const loaded = await engine.load(key)
  if (loaded === null) throw new Error('the session has gone')
  if (loaded.corrupted) throw new Error('the session is torn')
  const n = Number(loaded.cells.get('n')) + 1
  const record = { cells: new Map([...loaded.cells, ['n', `${n}`]]), expires: Date.now() + 600_000 }
  const outcome = await engine.save(key, record, loaded.version)
  if (outcome === 'missing') throw new Error('the session is missing')
  if (outcome === 'conflict') conflicts++
  else {
    done++
    writeSync(1, `${n}\n`)
  }
  // Elsewhere the event loop runs between two requests.
  if (done % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
}
writeSync(1, `conflicts ${conflicts}\n`)
