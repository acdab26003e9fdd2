import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { contractProject, portFor, tellWhenUp } from './built.js'

const port = await portFor()
const ORIGIN = `http://127.0.0.1:${port}`
Object.assign(process.env, {
  PORT: String(port),
  HOST: '127.0.0.1',
  ORIGIN,
  BODY_SIZE_LIMIT: 'Infinity',
  KEEP_ALIVE_TIMEOUT: '70',
})
await import(pathToFileURL(join(contractProject('sveltekit'), 'build/index.js')).href)
await tellWhenUp(port)
