// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.
import { Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { locmem } from '../../src/caches/locmem.js'
import type { DjangoName, ResolvedSettings, Settings, SettingsInput } from '../../src/core/settings.js'
import { defineSettings, resolveSettings } from '../../src/core/settings-input.js'
import type { SessionEngine } from '../../src/core/types.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}

declare const engine: SessionEngine
declare const environment: Readonly<Record<string, string | undefined>>

resolveSettings({ secretKey: environment['SECRET_KEY'], SESSION_COOKIE_AGE: 60, sessionEngine: engine })
resolveSettings({ secretKey: new Uint8Array(32), sessionCookieSecure: 'auto', sessionSaveEveryRequest: 'django' })
defineSettings({
  SESSION_ENGINE: 'django.contrib.sessions.backends.signed_cookies',
  MIDDLEWARE: ['django.middleware.csrf.CsrfViewMiddleware', 'whitenoise.middleware.WhiteNoiseMiddleware'],
  MESSAGE_STORAGE: 'django.contrib.messages.storage.cookie.CookieStorage',
  MESSAGE_LEVEL: 'INFO',
  MESSAGE_TAGS: { 40: 'danger' },
  PBKDF2_ITERATIONS: 1000,
  SECURE_PROXY_SSL_HEADER: ['HTTP_X_FORWARDED_PROTO', 'https'],
})
defineSettings({
  CACHES: {
    default: {
      BACKEND: 'django.core.cache.backends.redis.RedisCache',
      LOCATION: 'redis://h',
      TIMEOUT: 300,
      OPTIONS: {},
    },
    own: { location: ['memcached://a', 'memcached://b'], keyPrefix: 'shop', version: 2, codec: 'json' },
    url: 'redis://h',
    client: createClient(),
    cluster: createCluster({ rootNodes: [] }),
    ioredis: new Redis(),
    cache: locmem(),
    named: { location: createClient() },
  },
})
defineSettings({
  csrfFailureView: (request: { readonly url: string }, reason) => ({
    status: 403,
    headers: {},
    body: request.url + reason,
  }),
})

// What was defined may be laid under more settings.
const defined: Settings = defineSettings({ DEBUG: true })
resolveSettings({ ...defined, secretKey: 'x' })

// @ts-expect-error a number, not a text
resolveSettings({ sessionCookieAge: '60' })
// @ts-expect-error the same in Django's spelling
resolveSettings({ SESSION_COOKIE_AGE: '60' })
// @ts-expect-error a wrong choice
resolveSettings({ sessionCookieSamesite: 'lax' })
// @ts-expect-error an engine that no release has
resolveSettings({ sessionEngine: 'redis' })
// @ts-expect-error an unknown name
resolveSettings({ sessionCookieAgee: 60 })
// @ts-expect-error an unknown name in Django's spelling
defineSettings({ SESSION_COOKIE_AGEE: 60 })
// @ts-expect-error null where null is not allowed
defineSettings({ sessionCookieName: null })
// @ts-expect-error a part without a dotted path that there is not
defineSettings({ middleware: ['csfr'] })
// @ts-expect-error no hasher of that name
defineSettings({ passwordHashers: ['rot13'] })
// @ts-expect-error a slip in a key of a cache
defineSettings({ caches: { default: { location: 'locmem:', keyprefix: 'shop' } } })
// @ts-expect-error a slip in a key of a cache in Django's spelling
defineSettings({ CACHES: { default: { BACKEND: 'django.core.cache.backends.locmem.LocMemCache', KEYPREFIX: 'shop' } } })
// @ts-expect-error a cache without a location
defineSettings({ caches: { default: { keyPrefix: 'shop' } } })
// @ts-expect-error half an engine
defineSettings({ sessionEngine: { name: 'half', synchronous: true, load: () => null } })

declare const settings: ResolvedSettings
// @ts-expect-error resolved settings are read-only
settings.debug = true

same<Equal<DjangoName<'sessionCookieHttponly'>, 'SESSION_COOKIE_HTTPONLY'>>()
same<Equal<DjangoName<'useXForwardedHost'>, 'USE_X_FORWARDED_HOST'>>()
same<Equal<DjangoName<'pbkdf2Iterations'>, 'PBKDF2_ITERATIONS'>>()
same<Equal<SettingsInput['SESSION_COOKIE_SECURE'], boolean | 'auto' | undefined>>()
same<Equal<ResolvedSettings['sessionCookieAge'], number>>()
same<Equal<ResolvedSettings['sessionCookieSecure'], boolean | 'auto'>>()
same<Equal<ResolvedSettings['sessionCookieSamesite'], 'Lax' | 'Strict' | 'None' | false>>()
same<
  Equal<
    ResolvedSettings['sessionEngine'],
    'db' | 'cache' | 'cached_db' | 'file' | 'signed_cookies' | 'memory' | SessionEngine
  >
>()
same<Equal<ResolvedSettings['messageLevel'], number>>()
same<Equal<ResolvedSettings['csrfCookieAge'], number | null>>()
