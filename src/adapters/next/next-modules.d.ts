/**
 * As much of Next.js as is used here. Next itself is needed to run this and not to compile it; this file is in no package.
 */
declare module 'next/headers.js' {
  export function headers(): Promise<Headers>
  export function cookies(): Promise<import('./framework.js').NextCookies>
}

declare module 'next/server.js' {
  export const NextResponse: {
    next(init?: import('./framework.js').NextInit): Response
  }
}
