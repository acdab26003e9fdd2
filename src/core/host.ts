import { DisallowedHost } from '../errors.js'
import type { ResolvedSettings } from './settings.js'
import type { RequestHead } from './types.js'

/** A name, an IPv4 or a bracketed IPv6 address, and perhaps a port. Django's `host_validation_re`. */
const HOST = /^([a-z0-9.-]+|\[[a-f0-9]*:[a-f0-9.:]+\])(?::([0-9]+))?$/

type HostSettings = Pick<
  ResolvedSettings,
  'secureProxySslHeader' | 'useXForwardedHost' | 'useXForwardedPort' | 'allowedHosts'
>

/** Whether the visitor came by HTTPS. A proxy's header counts only where it is named in `secureProxySslHeader`; else anyone could set it. */
export function isSecure(head: RequestHead, settings: HostSettings): boolean {
  const proxy = settings.secureProxySslHeader
  if (proxy !== null) {
    const value = head.header(proxy[0])
    // Several proxies append; the first is the visitor's, as in Django.
    if (value !== undefined) return (value.split(',', 1)[0] as string).trim() === proxy[1]
  }
  return head.encrypted
}

/** Host and port as the visitor wrote them. Django's `HttpRequest.get_host`; throws `DisallowedHost`. */
export function getHost(head: RequestHead, settings: HostSettings): string {
  const host = rawHost(head, settings)
  const parsed = HOST.exec(host.toLowerCase())
  if (parsed === null) throw new DisallowedHost(host)
  const domain = (parsed[1] as string).replace(/\.$/, '')
  // A lone dot, which no host is called.
  if (domain === '') throw new DisallowedHost(host)
  const { allowedHosts } = settings
  if (allowedHosts.length > 0 && !allowedHosts.some((pattern) => pattern === '*' || isSameDomain(domain, pattern))) {
    throw new DisallowedHost(host)
  }
  return host
}

function rawHost(head: RequestHead, settings: HostSettings): string {
  const forwarded = settings.useXForwardedHost ? head.header('x-forwarded-host') : undefined
  return forwarded ?? head.header('host') ?? head.header(':authority') ?? ''
}

/** The port the visitor asked for. Django's `HttpRequest.get_port`. */
export function getPort(head: RequestHead, settings: HostSettings): string {
  const forwarded = settings.useXForwardedPort ? head.header('x-forwarded-port') : undefined
  return forwarded ?? HOST.exec(rawHost(head, settings).toLowerCase())?.[2] ?? (isSecure(head, settings) ? '443' : '80')
}

/** Exactly this host, or with a leading dot the domain and all below it. Django's `is_same_domain`. */
export function isSameDomain(host: string, pattern: string): boolean {
  if (pattern === '') return false
  const wanted = pattern.toLowerCase()
  return wanted.startsWith('.') ? host.endsWith(wanted) || host === wanted.slice(1) : host === wanted
}
