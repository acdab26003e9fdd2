import { ImproperlyConfigured } from '../../errors.js'

/** Where a URL says the servers are, and how one logs in there. */
export interface RedisAddress {
  readonly kind: 'server' | 'cluster' | 'sentinel'
  readonly tls: boolean
  readonly username?: string
  readonly password?: string
  readonly hosts: readonly RedisHost[]
  readonly database: number
  /** Under which name the sentinels know the master. */
  readonly master: string
}

export interface RedisHost {
  readonly host: string
  readonly port: number
}

const URL_FORM =
  /^redis(?<tls>s?)(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<username>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?#]+)(?<path>\/[^?#]*)?$/
const HOST_FORM = /^(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<name>[^:[\]\s]+))(?::(?<port>\d{1,5}))?$/
/** What stands after the hosts: a database, for sentinels the master's name first, for clusters nothing. */
const PATH_FORMS = {
  server: /^(?:\/(?<database>\d{0,5}))?$/,
  sentinel: /^\/(?<master>[^/]+)(?:\/(?<database>\d{1,5}))?$/,
  cluster: /^\/?$/,
}

/**
 * Reads `redis://user:password@host:port/database`, `redis+cluster://host:port,host:port` and
 * `redis+sentinel://host:port,host:port/master/database`; with `rediss` for TLS. Throws without quoting it: there may be a password in it.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = URL_FORM.exec(url)?.groups
  if (parts === undefined) throw malformed()
  const kind = (parts['kind'] ?? 'server') as RedisAddress['kind']
  const hosts = parts['hosts']!.split(',').map((host) => parseHost(host, kind === 'sentinel' ? 26_379 : 6379))
  const path = PATH_FORMS[kind].exec(parts['path'] ?? '')?.groups
  const isPathFit = path !== undefined || (kind === 'cluster' && PATH_FORMS.cluster.test(parts['path'] ?? ''))
  if (!isPathFit || (kind === 'server' && hosts.length > 1)) throw malformed()
  return {
    kind,
    tls: parts['tls'] === 's',
    username: decoded(parts['username']),
    password: decoded(parts['password']),
    hosts,
    database: Number(path?.['database'] ?? 0),
    master: decoded(path?.['master']) ?? '',
  }
}

function parseHost(text: string, defaultPort: number): RedisHost {
  const parts = HOST_FORM.exec(text)?.groups
  const port = Number(parts?.['port'] ?? defaultPort)
  const host = parts?.['v6'] ?? parts?.['name']
  if (host === undefined || port > 65_535) throw malformed()
  return { host, port }
}

function decoded(text: string | undefined): string | undefined {
  try {
    return text === undefined || text === '' ? undefined : decodeURIComponent(text)
  } catch {
    throw malformed()
  }
}

function malformed(): ImproperlyConfigured {
  return new ImproperlyConfigured(
    'A Redis URL is redis://user:password@host:port/database, redis+cluster://host:port,host:port or redis+sentinel://host:port,host:port/master (rediss for TLS; % before other characters in a password).',
  )
}
