import type { Site } from 'sojourn'
import { userBackend } from 'sojourn/express'
import { createRelyingParty, type RelyingParty } from 'sojourn/oidc'

/**
 * Login by a provider of OpenID Connect, where OIDC_ISSUER names one; it knows this site as `guestbook`, with the secret OIDC_CLIENT_SECRET, at
 * OIDC_ORIGIN. Django has nothing to do with it: it reads the session that this makes, and finds it gone when the provider has ended it.
 */
export function loginByProvider(site: Site, env: NodeJS.ProcessEnv = process.env): RelyingParty | undefined {
  const { OIDC_ISSUER: issuer, OIDC_CLIENT_SECRET: clientSecret, OIDC_ORIGIN: origin } = env
  if (issuer === undefined) return undefined
  const users = userBackend(site)
  return createRelyingParty({
    site,
    config: { issuer, clientId: 'guestbook', clientSecret },
    redirectUri: `${origin}/oidc/callback`,
    postLogoutUri: `${origin}/oidc/logged-out`,
    // A row of Django's own table, without a password. Nobody can take such a name in a form of Django's.
    mapUser: ({ sub }) => users.getOrCreate(`id|${sub}`),
  })
}
