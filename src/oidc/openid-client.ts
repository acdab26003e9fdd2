import type { Configuration, TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client'
import { ImproperlyConfigured } from '../errors.js'

export type { Configuration } from 'openid-client'

/** The package, as far as it is asked for: whoever has no such provider needs none. */
export type OpenidClient = typeof import('openid-client')

/** What a provider answered to a code or a refresh token. */
export type TokenResponse = TokenEndpointResponse & TokenEndpointResponseHelpers

export async function openidClient(): Promise<OpenidClient> {
  try {
    return await import('openid-client')
  } catch (cause) {
    throw new ImproperlyConfigured('sojourn/oidc stands on a package of its own: npm install openid-client jose', {
      cause,
    })
  }
}

export function isConfiguration(given: object): given is Configuration {
  return typeof (given as Partial<Configuration>).serverMetadata === 'function'
}
