/** Host, port and name, after whatever stands before the last `@` of the authority. */
const SERVER =
  /^([a-z]+:\/\/)(?:[^/?#]*@)?((?:[\w.-]*|\[[\da-f:.]+\])(?::\d+)?(?:\/[^@/?#]*)?)(?:\?(?:\w+=.*)?|#[^@]*)?$/is

/**
 * A database's URL as it may be shown: without user, password, query and fragment. Of a URL that could be read in two ways (a password with
 * a slash in it, say) only the scheme, for one of them shows the password.
 */
export function shownDatabase(url: string): string {
  if (url.startsWith('sqlite:')) return url.replace(/\?.*$/s, '')
  const [, scheme, place] = SERVER.exec(url) ?? []
  return scheme === undefined ? `a ${/^[a-z]*/i.exec(url)?.[0]}: database` : `${scheme}${place}`
}
