/**
 * Serves the Node routes at a port of this machine that the system chooses, and prints that port. The end of the input means that
 * whoever started this is gone, and so is this.
 */
import type { AddressInfo } from 'node:net'
import { sojourn } from 'sojourn'
import { createApp } from './app.js'
import { settings } from './settings.js'

// Ctrl+C reaches every process of the terminal; this one ends after the proxy, not before.
process.on('SIGINT', () => undefined)
process.stdin.on('end', () => process.exit(0)).resume()

const site = sojourn(settings())
await site.ready()
const server = createApp(site).listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
