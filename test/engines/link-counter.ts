/** A process that counts in a record beside the sessions of a folder: `FOLDER NAME TIMES`. */
import { FileLinks } from '../../src/engines/links/in-folder.js'

const [folder = '', name = '', times] = process.argv.slice(2)
const links = new FileLinks(folder, 'sessionid', Date.now)
for (let done = 0; done < Number(times); ) {
  const text = links.get(name)
  if (text === null) throw new Error('the record has gone')
  if (await links.replace(name, `${Number(text) + 1}`, Date.now() + 600_000, text)) done++
}
