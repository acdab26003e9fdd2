import { execFile } from 'node:child_process'

/** A Python that has Django, and what one must know of that Django. */
export interface DjangoHere {
  readonly python: string
  readonly version: string
  /** What it hashes passwords with, so that Node does the same. */
  readonly iterations: number
  /** Whether it reads forms' secrets in a session only where they are masked, as Django did before 4.1. */
  readonly masked: boolean
}

const ASK = `
import django, json
from django.contrib.auth.hashers import PBKDF2PasswordHasher
print(json.dumps({
    'version': django.get_version(),
    'iterations': PBKDF2PasswordHasher.iterations,
    'masked': django.VERSION < (4, 1),
}))
`

/** Asks PYTHON if it is given, else the first Python on the PATH and then Debian's own. PYTHONPATH may bring a Django of yours. */
export async function findDjango({ PYTHON }: NodeJS.ProcessEnv = process.env): Promise<DjangoHere | undefined> {
  for (const python of PYTHON === undefined ? ['python3', '/usr/bin/python3'] : [PYTHON]) {
    const printed = await new Promise<string | undefined>((resolve) => {
      execFile(python, ['-c', ASK], (error, stdout) => resolve(error === null ? stdout : undefined))
    })
    if (printed !== undefined) return { python, ...JSON.parse(printed) }
  }
  return undefined
}
