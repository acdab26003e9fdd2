import type { Link } from '../core/link-mark.js'
import { ImproperlyConfigured } from '../errors.js'
import { isLoopback } from '../sites/registry.js'
import { type Keys, keysAt } from './jose.js'
import { type Configuration, isConfiguration, type OpenidClient, openidClient } from './openid-client.js'

/** Where a provider is, and as whom this site is known to it. */
export interface ProviderAddress {
  /** The provider's name of itself, to the letter: `https://id.example.com/realms/staff`. */
  readonly issuer: string
  readonly clientId: string
  /** Absent for a client that has none, which PKCE alone then protects. */
  readonly clientSecret?: string
}

/** A provider that is known by its metadata. */
export interface Known {
  readonly client: OpenidClient
  readonly config: Configuration
  /** What its sessions are called by here. Of Entra for several tenants that is the text with `{tenantid}` in it. */
  readonly issuer: string
  readonly clientId: string
  /** How tokens may be signed. */
  readonly algorithms: string[]
  keys(): Promise<Keys>
}

/** Seconds until a provider that does not answer counts as absent. */
const PATIENCE = 10

/** The provider of a relying party, whose metadata are fetched when they are first wanted; where that fails, the next who wants them tries again. */
export class Provider {
  readonly #given: Configuration | ProviderAddress
  #known: Promise<Known> | null = null

  constructor(given: Configuration | ProviderAddress) {
    this.#given = given
    if (isConfiguration(given)) checkConfiguration(given)
    else checkAddress(given)
  }

  /** Rejects where the provider cannot be reached, and with `ImproperlyConfigured` where what it says of itself is not to be trusted. */
  known(): Promise<Known> {
    if (this.#known === null) {
      const asked = this.#ask()
      this.#known = asked
      asked.catch(() => {
        if (this.#known === asked) this.#known = null
      })
    }
    return this.#known
  }

  /** Whether a login is of this provider; it need not be there to say so, if it has told its name before or is called what it was configured as. */
  async isOf({ i, c }: Pick<Link, 'i' | 'c'>): Promise<boolean> {
    if (!isConfiguration(this.#given) && this.#given.issuer === i) return this.#given.clientId === c
    const { issuer, clientId } = await this.known()
    return i === issuer && c === clientId
  }

  async #ask(): Promise<Known> {
    const client = await openidClient()
    const config = isConfiguration(this.#given) ? this.#given : await discovered(client, this.#given)
    checkConfiguration(config)
    // By itself it takes an ID token from the token endpoint for good by the connection alone; a config that has it on already keeps it.
    client.enableNonRepudiationChecks(config)
    const { issuer, jwks_uri: address } = config.serverMetadata()
    let keys: Promise<Keys> | null = null
    return {
      client,
      config,
      issuer,
      clientId: config.clientMetadata().client_id,
      algorithms: algorithmsOf(config),
      keys() {
        if (address === undefined) throw new ImproperlyConfigured(`${issuer} names no jwks_uri.`)
        keys ??= keysAt(new URL(address), config[client.customFetch] as typeof globalThis.fetch | undefined)
        return keys
      },
    }
  }
}

function discovered(client: OpenidClient, { issuer, clientId, clientSecret }: ProviderAddress): Promise<Configuration> {
  const url = new URL(issuer)
  const insecurely = url.protocol === 'http:' ? [client.allowInsecureRequests] : []
  return client.discovery(url, clientId, clientSecret, undefined, { execute: insecurely, timeout: PATIENCE })
}

function checkAddress({ issuer, clientId }: ProviderAddress): void {
  if (typeof issuer !== 'string' || !URL.canParse(issuer)) {
    throw new ImproperlyConfigured("config of createRelyingParty needs an issuer: 'https://id.example.com'.")
  }
  if (typeof clientId !== 'string' || clientId === '') {
    throw new ImproperlyConfigured(
      'config of createRelyingParty needs the clientId that the provider knows this site by.',
    )
  }
  checkEndpoint('issuer', issuer)
}

/** Whether what is asked of a provider, and what it is believed, could be another's. */
function checkConfiguration(config: Configuration): void {
  for (const [name, value] of Object.entries(config.serverMetadata())) {
    if (/^issuer$|_endpoint$|^jwks_uri$/.test(name) && typeof value === 'string') checkEndpoint(name, value)
  }
  const { id_token_signed_response_alg: algorithm } = config.clientMetadata()
  if (typeof algorithm === 'string' && !isAsymmetric(algorithm)) {
    throw new ImproperlyConfigured(
      `createRelyingParty takes no tokens signed with '${algorithm}': a token is to be signed with a key that only the provider has (RS256, ES256, EdDSA).`,
    )
  }
}

function checkEndpoint(name: string, value: string): void {
  const { protocol, hostname } = new URL(value)
  if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) return
  throw new ImproperlyConfigured(
    `createRelyingParty refuses the ${name} '${value}': without HTTPS whoever is on the way can log in as anybody. http:// is for localhost.`,
  )
}

/** By what the client has registered, else what the provider signs with, else what OpenID Connect says where neither is said. */
function algorithmsOf(config: Configuration): string[] {
  const { id_token_signed_response_alg: registered } = config.clientMetadata()
  if (typeof registered === 'string') return [registered]
  const { id_token_signing_alg_values_supported: supported = ['RS256'] } = config.serverMetadata()
  return supported.filter(isAsymmetric)
}

function isAsymmetric(algorithm: string): boolean {
  return /^(?:RS|PS|ES)(?:256|384|512)$|^EdDSA$|^Ed25519$/.test(algorithm)
}
