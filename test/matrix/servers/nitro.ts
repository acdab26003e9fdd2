import { Server } from 'node:http'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { contractProject, portFor, tellWhenUp } from './built.js'

/** Nitro has no setting for that. The driver may be silent for longer than five seconds, and must not speak into a connection that is just being closed. */
const listen = Server.prototype.listen as (this: Server, ...values: unknown[]) => Server
Server.prototype.listen = function (this: Server, ...values: unknown[]): Server {
  this.keepAliveTimeout = 70_000
  return listen.apply(this, values)
} as Server['listen']

const port = await portFor()
Object.assign(process.env, { PORT: String(port), HOST: '127.0.0.1' })
await import(pathToFileURL(join(contractProject('nitro'), '.output/server/index.mjs')).href)
await tellWhenUp(port)
