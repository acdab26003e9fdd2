/** What Node refuses with 431 by itself; elsewhere nobody else does (T34). */
const MAX_COOKIE_HEADER = 16 * 1024

/** The answer to a request with more cookies than anybody should have to read. */
export function refuseCookies(request: Request): Response | undefined {
  const length = request.headers.get('cookie')?.length ?? 0
  return length > MAX_COOKIE_HEADER ? new Response(null, { status: 431 }) : undefined
}
