import type { ClientMetadata } from 'oidc-provider'

/** A site that logs its visitors in by this provider. */
export interface RelyingSite {
  readonly id: string
  readonly secret: string
  /** Where browsers find it. */
  readonly origin: string
  /** Where the provider's server finds it, if that is elsewhere. */
  readonly inside?: string
}

/** The addresses at which `sojourn/oidc` answers, as they are to be registered. */
export function clientOf({ id, secret, origin, inside = origin }: RelyingSite): ClientMetadata {
  return {
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: 'client_secret_post',
    // More than this no site may ask for.
    scope: 'openid profile',
    redirect_uris: [`${origin}/oidc/callback`],
    post_logout_redirect_uris: [`${origin}/oidc/logged-out`],
    backchannel_logout_uri: `${inside}/oidc/backchannel`,
    // Else a logout would end the user's sessions on all their devices.
    backchannel_logout_session_required: true,
  }
}
