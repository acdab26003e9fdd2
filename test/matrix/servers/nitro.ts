import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { contractProject, portFor, tellWhenUp } from './built.js'

const port = await portFor()
Object.assign(process.env, { PORT: String(port), HOST: '127.0.0.1' })
await import(pathToFileURL(join(contractProject('nitro'), '.output/server/index.mjs')).href)
await tellWhenUp(port)
