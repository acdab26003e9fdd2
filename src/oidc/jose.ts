import type { JWTPayload, JWTVerifyGetKey } from 'jose'
import { ImproperlyConfigured } from '../errors.js'

/** Seconds within which an unknown key is asked for no second time: a stranger's tokens must not become requests to the provider. */
const ASKED_AGAIN = 60

export type Keys = JWTVerifyGetKey

/** What a signed token has to be. */
export interface Wanted {
  readonly issuer: string
  readonly audience: string
  readonly algorithms: string[]
  /** How old it may be, and by how much two clocks may differ, in seconds. */
  readonly maxAge: number
  readonly tolerance: number
  /** Milliseconds since 1970. */
  readonly now: number
}

export interface Verified {
  /** The `typ` of its header. */
  readonly type: string | undefined
  readonly claims: JWTPayload
}

/** The keys of a provider, fetched when they are first wanted, and once more for a key that is not among them. */
export async function keysAt(address: URL, fetch?: typeof globalThis.fetch): Promise<Keys> {
  const { createRemoteJWKSet, customFetch } = await josePackage()
  return createRemoteJWKSet(address, {
    cooldownDuration: ASKED_AGAIN * 1000,
    ...(fetch === undefined ? {} : { [customFetch]: fetch }),
  })
}

/** What a token says, once its signature, its issuer, whom it is for and its times are found to be right; rejects otherwise. */
export async function verify(token: string, keys: Keys, wanted: Wanted): Promise<Verified> {
  const { jwtVerify } = await josePackage()
  const { payload, protectedHeader } = await jwtVerify(token, keys, {
    issuer: wanted.issuer,
    audience: wanted.audience,
    algorithms: wanted.algorithms,
    maxTokenAge: wanted.maxAge,
    clockTolerance: wanted.tolerance,
    currentDate: new Date(wanted.now),
  })
  return { type: protectedHeader.typ, claims: payload }
}

async function josePackage(): Promise<typeof import('jose')> {
  try {
    return await import('jose')
  } catch (cause) {
    throw new ImproperlyConfigured('sojourn/oidc checks logout tokens with a package of its own: npm install jose', {
      cause,
    })
  }
}
