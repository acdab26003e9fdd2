const exempted = new WeakSet<object>()

/** Lets one request pass unchecked. `csrfExempt` for users. */
export function exempt(request: object): void {
  exempted.add(request)
}

/** Where routers disagree about which page is meant: empty and dotted segments, also encoded, and backslashes (CVE-2025-47910, T39). */
const UNCLEAR = /\/\/|[\\#]|\/\.{1,2}(?:\/|$)|%2e|%2f|%5c/i

/** Whether a request passes unchecked: by a mark of its own, or because its path is one of `csrfExemptPaths`. */
export function exemption(paths: readonly string[]): (request: object, url: string) => boolean {
  const exact = new Set(paths.filter((path) => !path.endsWith('*')))
  const beginnings = paths.filter((path) => path.endsWith('*')).map((path) => path.slice(0, -1))
  return (request, url) => {
    if (exempted.has(request)) return true
    if (paths.length === 0) return false
    const [path = ''] = url.split('?', 1)
    return exact.has(path) || (beginnings.some((beginning) => path.startsWith(beginning)) && !UNCLEAR.test(path))
  }
}
