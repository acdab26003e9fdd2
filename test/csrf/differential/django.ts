import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { djangoName } from '../../../src/core/settings.js'
import type { DjangoHome } from '../../django/home.js'
import { SECRET } from '../../support/sites.js'
import type { Case, Variant, Verdict } from './case.js'

/** Django's own CsrfViewMiddleware, in one Python process. */
export interface DjangoSide extends AsyncDisposable {
  /** What Django does with these requests, one after the other, under the settings of the variant. */
  ask(variant: Variant, cases: readonly Case[]): Promise<readonly Verdict[]>
}

export function startDjangoSide(home: DjangoHome): DjangoSide {
  const program = fileURLToPath(new URL('ask_django.py', import.meta.url))
  const env = {
    PATH: process.env['PATH'],
    LC_ALL: 'C.UTF-8',
    PYTHONPATH: home.pythonPath,
    PYTHONPYCACHEPREFIX: home.bytecode,
    PYTHONNOUSERSITE: '1',
  }
  const child = spawn(home.python, [program, SECRET], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const closed = once(child, 'close')
  child.stdin.on('error', () => undefined)
  return {
    async ask(variant, cases) {
      child.stdin.write(`${JSON.stringify({ settings: djangoSettings(variant), requests: cases })}\n`)
      const { value } = (await lines.next()) as { value?: string }
      if (value === undefined) throw new Error('Python ended; above is what it says')
      return JSON.parse(value) as Verdict[]
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await closed
    },
  }
}

const middleware = ['django.contrib.sessions.middleware.SessionMiddleware', 'django.middleware.csrf.CsrfViewMiddleware']
/** Its CommonMiddleware refuses hosts that are not allowed, as ours does where some are named. */
const withHosts = middleware.toSpliced(1, 0, 'django.middleware.common.CommonMiddleware')

/** Every setting that a variant may have, so that nothing is left of the one before. */
function djangoSettings({ settings }: Variant): Readonly<Record<string, unknown>> {
  const { allowedHosts = [], secureProxySslHeader = null, csrfHeaderName = 'X-CSRFToken' } = settings
  const all = {
    csrfCookieDomain: null,
    csrfCookieName: 'csrftoken',
    csrfTrustedOrigins: [],
    csrfUseSessions: false,
    sessionCookieDomain: null,
    useXForwardedHost: false,
    useXForwardedPort: false,
    ...settings,
    // Where Django takes no host at all, sojourn takes all that are well-formed.
    allowedHosts: allowedHosts.length === 0 ? ['*'] : allowedHosts,
    csrfHeaderName: metaName(csrfHeaderName),
    secureProxySslHeader:
      secureProxySslHeader === null ? null : [metaName(secureProxySslHeader[0]), secureProxySslHeader[1]],
  }
  const named = Object.entries(all).map(([name, value]) => [djangoName(name), value])
  return { ...Object.fromEntries(named), MIDDLEWARE: allowedHosts.length === 0 ? middleware : withHosts }
}

function metaName(header: string): string {
  return `HTTP_${header.toUpperCase().replaceAll('-', '_')}`
}
