#!/usr/bin/env node
import { run } from './run.js'

const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())
process.once('SIGTERM', () => interrupted.abort())

const status = (line: string): void => void process.stdout.write(`\r\x1b[K${line}`)

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (line) => console.log(line),
  err: (line) => console.error(line),
  signal: interrupted.signal,
  ...(process.stdout.isTTY ? { status } : {}),
})
