/// <reference path="./next-modules.d.ts" />

/** As much of the store that `cookies()` gives as is used here. */
export interface NextCookies {
  set(name: string, value: string, options: NextCookieOptions): unknown
}

export interface NextCookieOptions {
  readonly expires?: Date
  readonly maxAge?: number
  readonly domain?: string
  readonly path?: string
  readonly secure?: boolean
  readonly httpOnly?: boolean
  readonly sameSite?: 'lax' | 'strict' | 'none'
  readonly partitioned?: boolean
}

// With their ending: Next's package names no exports, so that Node finds its files only so.

/**
 * The headers of the request that Next is answering: one object for all that is asked in one request. Where a page is made ahead of its visitors
 * Next stops it here, so that no build opens a session.
 */
export async function nextHeaders(): Promise<Headers> {
  const { headers } = await import('next/headers.js')
  return headers()
}

export async function nextCookies(): Promise<NextCookies> {
  const { cookies } = await import('next/headers.js')
  return cookies()
}

/** Tells Next to go on, perhaps with other headers for whatever answers the request. */
export async function nextResponse(init?: NextInit): Promise<Response> {
  const { NextResponse } = await import('next/server.js')
  return NextResponse.next(init)
}

export interface NextInit {
  readonly request: { readonly headers: Headers }
}
