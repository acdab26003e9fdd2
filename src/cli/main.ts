#!/usr/bin/env node
import { run } from './run.js'

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())
process.once('SIGTERM', () => interrupted.abort())

const status = (line: string): void => void process.stdout.write(`\r\x1b[K${line}`)

const code = await run(process.argv.slice(2), {
  env: process.env,
  out: (line) => console.log(line),
  err: (line) => console.error(line),
  signal: interrupted.signal,
  ...(process.stdout.isTTY ? { status } : {}),
})
process.exitCode = code
// A module of settings may have opened what keeps a process alive; all of ours is closed.
setTimeout(() => process.exit(code), 1000).unref()
