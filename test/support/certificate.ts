import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { need } from './debian.js'
import { run } from './run.js'

export interface Certificate {
  readonly key: Buffer
  readonly cert: Buffer
}

/** A certificate that nobody vouches for, made by `openssl`, which is installed first where that is allowed. */
export async function certificate(): Promise<Certificate> {
  const missing = await need('openssl')
  if (missing !== undefined) throw new Error(missing)
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const args = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost']
    const made = await run('openssl', ['req', '-x509', ...args, '-keyout', key, '-out', cert])
    if (made.code !== 0) throw new Error(made.stderr)
    return { key: readFileSync(key), cert: readFileSync(cert) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
