/** The bindings of wrangler.jsonc; `npx wrangler types` writes such a file. */
declare module 'cloudflare:workers' {
  import type { D1Handle } from 'sojourn/databases/d1'

  export const env: { readonly SECRET_KEY: string; readonly DB: D1Handle }
}
