import { spawn } from 'node:child_process'
import { contractProject, portFor, tellWhenUp } from './built.js'

const port = await portFor()
const next = spawn(
  process.execPath,
  [
    'node_modules/next/dist/bin/next',
    'start',
    ...['--hostname', '127.0.0.1', '--port', String(port)],
    // The driver may be silent for longer than five seconds, and must not speak into a connection that is just being closed.
    ...['--keepAliveTimeout', '70000'],
  ],
  { cwd: contractProject('next'), env: { ...process.env, NODE_ENV: 'production' }, stdio: 'inherit' },
)
next.on('exit', (code) => process.exit(code ?? 1))
await tellWhenUp(port)
