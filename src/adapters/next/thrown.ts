/** What a page of Next answers by throwing: `redirect()`, `notFound()` and their kin, which are errors to JavaScript only. */
export interface Leaving {
  readonly status: number
  readonly location?: string
}

/**
 * How what a page threw leaves, or `null` for an error. Next marks them by their `digest`: `NEXT_REDIRECT;push;/cart;307;` and
 * `NEXT_HTTP_ERROR_FALLBACK;404`.
 */
export function leaving(thrown: unknown): Leaving | null {
  const { digest } = (thrown ?? {}) as { readonly digest?: unknown }
  if (typeof digest !== 'string') return null
  const redirect = /^NEXT_REDIRECT;[^;]*;(.*);(\d{3});$/s.exec(digest)
  if (redirect !== null) return { location: redirect[1] as string, status: Number(redirect[2]) }
  const refusal = /^NEXT_HTTP_ERROR_FALLBACK;(\d{3})$/.exec(digest)
  return refusal === null ? null : { status: Number(refusal[1]) }
}
