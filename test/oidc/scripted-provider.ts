import { createHash, randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from 'jose'
import { serve } from 'sojourn/testing'
import { serveSecurely } from '../support/serve-securely.js'

/** A key of the provider's. */
export interface Key {
  readonly alg: string
  readonly private: CryptoKey
  readonly jwk: JWK
}

export type Said = Record<string, unknown>

export interface LogoutRequest {
  readonly claims?: Said
  readonly header?: Partial<JWTHeaderParameters>
  readonly key?: Key
}

/** What a test has the provider do otherwise. */
export interface Script {
  metadata(known: Said): Said
  /** The claims of an ID token, or the whole token. */
  idToken(claims: Said, request: Grant): Said | string | Promise<string>
  header(known: JWTHeaderParameters): JWTHeaderParameters
  userInfo(claims: Said): Said
  /** The answer to a login, on its way back. */
  answer(url: URL): URL
  token(answer: Said): Said
  /** Status and answer of the token endpoint for a refresh token. */
  refresh(answer: Said): Said | null | Promise<Said>
}

/** A login that the provider has let in. */
export interface Grant {
  readonly client: string
  readonly nonce: string | null
  readonly challenge: string | null
  readonly redirect: string
  readonly scope: string
  readonly maxAge: string | null
}

export const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
export const CLIENT_SECRET = 'a secret of the client, of some length'

const plain: Script = {
  metadata: (known) => known,
  idToken: (claims) => claims,
  header: (known) => known,
  userInfo: (claims) => claims,
  answer: (url) => url,
  token: (answer) => answer,
  refresh: (answer) => answer,
}

export async function newKey(alg: string, kid = randomBytes(4).toString('hex')): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, private: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

/** A provider of a few lines that does what its script says, right or wrong. Everybody who comes is `sub`, without a page unless it `asks`. */
export class ScriptedProvider implements AsyncDisposable {
  readonly issuer: string
  script: Script = plain
  keys: Key[]
  /** The keys that it shows; those that it has, unless a test says otherwise. */
  shown: (() => JWK[]) | null = null
  sub = 'ann'
  sid = 'session-at-the-provider-1'
  /** Whether who comes sees a page, and has to click on it. */
  asks = false
  /** Seconds by which its clock differs from this machine's. */
  ahead = 0
  /** What it was asked for, by path. */
  readonly asked = new Map<string, number>()
  /** The parameters of logins, code and refresh grants, and logouts, the last of each. */
  readonly seen = new Map<string, URLSearchParams>()
  readonly #codes = new Map<string, Grant>()
  readonly #pushed = new Map<string, URLSearchParams>()
  readonly #close: () => Promise<void>
  #refreshes = 0
  #token = ''

  /** @param host its name, without a port, and by HTTPS; this machine's address by HTTP unless given */
  static async start(host?: string): Promise<ScriptedProvider> {
    let handler: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined
    const listener = (request: IncomingMessage, response: ServerResponse): void => void handler(request, response)
    const served = await (host === undefined ? serve(listener) : serveSecurely(listener))
    const issuer = host === undefined ? served.origin : `https://${host}:${new URL(served.origin).port}`
    const provider = new ScriptedProvider(issuer, [await newKey('RS256')], () => served.close())
    handler = (request, response) => provider.#handle(request, response)
    return provider
  }

  private constructor(issuer: string, keys: Key[], close: () => Promise<void>) {
    this.issuer = issuer
    this.keys = keys
    this.#close = close
  }

  /** Lets it do these things otherwise. */
  play(changes: Partial<Script>): void {
    this.script = { ...plain, ...changes }
  }

  timesAsked(path: string): number {
    return this.asked.get(path) ?? 0
  }

  now(): number {
    return Math.floor(Date.now() / 1000) + this.ahead
  }

  metadata(): Said {
    const at = (path: string): string => `${this.issuer}${path}`
    return this.script.metadata({
      issuer: this.issuer,
      authorization_endpoint: at('/authorize'),
      token_endpoint: at('/token'),
      userinfo_endpoint: at('/userinfo'),
      jwks_uri: at('/jwks'),
      end_session_endpoint: at('/end'),
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256'],
      authorization_response_iss_parameter_supported: true,
    })
  }

  /** Ends sessions: the token that it would send for that. */
  async logoutToken(client: string, { claims = {}, header = {}, key }: LogoutRequest = {}): Promise<string> {
    const now = this.now()
    const all = {
      iss: this.issuer,
      aud: client,
      iat: now,
      exp: now + 120,
      jti: randomBytes(8).toString('hex'),
      events: { [EVENT]: {} },
      sub: this.sub,
      sid: this.sid,
      ...claims,
    }
    return this.sign(defined(all), { typ: 'logout+jwt', ...header }, key)
  }

  sign(claims: Said, header: Partial<JWTHeaderParameters> = {}, key: Key = this.keys[0] as Key): Promise<string> {
    const all = defined({ alg: key.alg, kid: key.jwk.kid, ...header }) as unknown as JWTHeaderParameters
    return new SignJWT(claims).setProtectedHeader(all).sign(key.private)
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.issuer)
    this.asked.set(url.pathname, this.timesAsked(url.pathname) + 1)
    const json = (body: unknown, status = 200): void =>
      void response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
    const html = (body: string, status = 200): void =>
      void response.writeHead(status, { 'Content-Type': 'text/html' }).end(body)
    const body = new URLSearchParams(`${Buffer.concat((await request.toArray()) as Buffer[])}`)
    if (url.pathname === '/.well-known/openid-configuration') return json(this.metadata())
    if (url.pathname === '/jwks') return json({ keys: this.shown?.() ?? this.keys.map(({ jwk }) => jwk) })
    if (url.pathname === '/par') return json(this.#push(body), 201)
    if (url.pathname === '/authorize') {
      if (this.asks && request.method === 'GET') return html('<form method="post"><button>It is me</button></form>')
      const pushed = this.#pushed.get(url.searchParams.get('request_uri') ?? '')
      return void response.writeHead(302, { Location: this.#authorize(pushed ?? url.searchParams).href }).end()
    }
    if (url.pathname === '/token') {
      const answer = await this.#grant(body, request.headers.authorization)
      if (answer !== null) return json(answer)
      const isKnown = clientOf(body, request.headers.authorization) !== null
      return isKnown ? json({ error: 'invalid_grant' }, 400) : json({ error: 'invalid_client' }, 401)
    }
    if (url.pathname === '/userinfo') return json(this.script.userInfo({ sub: this.sub, name: 'Ann' }))
    if (url.pathname === '/end') return this.#end(url.searchParams, response)
    html('<p>Nothing is here.</p>', 404)
  }

  #push(query: URLSearchParams): Said {
    const uri = `urn:ietf:params:oauth:request_uri:${randomBytes(8).toString('hex')}`
    this.#pushed.set(uri, query)
    return { request_uri: uri, expires_in: 60 }
  }

  #authorize(query: URLSearchParams): URL {
    this.seen.set('authorize', query)
    const code = randomBytes(16).toString('hex')
    const redirect = query.get('redirect_uri') as string
    this.#codes.set(code, {
      client: query.get('client_id') as string,
      nonce: query.get('nonce'),
      challenge: query.get('code_challenge'),
      scope: query.get('scope') ?? '',
      maxAge: query.get('max_age'),
      redirect,
    })
    const url = new URL(redirect)
    for (const [name, value] of [
      ['code', code],
      ['state', query.get('state') ?? ''],
      ['iss', this.issuer],
    ] as const) {
      url.searchParams.set(name, value)
    }
    return this.script.answer(url)
  }

  async #grant(body: URLSearchParams, authorization: string | undefined): Promise<Said | null> {
    this.seen.set('token', body)
    const client = clientOf(body, authorization)
    if (client === null) return null
    if (body.get('grant_type') === 'refresh_token') return this.#refresh(body, client)
    const grant = this.#codes.get(body.get('code') ?? '')
    this.#codes.delete(body.get('code') ?? '')
    const isGood =
      grant !== undefined &&
      grant.client === client &&
      grant.redirect === body.get('redirect_uri') &&
      grant.challenge ===
        createHash('sha256')
          .update(body.get('code_verifier') ?? '')
          .digest('base64url')
    return isGood ? this.script.token(await this.#tokens(grant)) : null
  }

  /** A refresh token is good for one use. */
  async #refresh(body: URLSearchParams, client: string): Promise<Said | null> {
    if (body.get('refresh_token') !== this.#token) return null
    const grant: Grant = { client, nonce: null, challenge: null, redirect: '', scope: '', maxAge: null }
    return this.script.refresh(await this.#tokens(grant))
  }

  async #tokens(grant: Grant): Promise<Said> {
    const now = this.now()
    this.#token = `refresh-${++this.#refreshes}`
    const claims = await this.script.idToken(
      defined({
        iss: this.issuer,
        sub: this.sub,
        sid: this.sid,
        aud: grant.client,
        iat: now,
        exp: now + 300,
        nonce: grant.nonce ?? undefined,
        auth_time: grant.maxAge === null ? undefined : now,
      }),
      grant,
    )
    const header = this.script.header({ alg: this.keys[0]?.alg as string, kid: this.keys[0]?.jwk.kid as string })
    return {
      access_token: `access-${this.#refreshes}`,
      refresh_token: this.#token,
      token_type: 'Bearer',
      expires_in: 300,
      id_token: typeof claims === 'string' ? claims : await this.sign(defined(claims), header),
    }
  }

  #end(query: URLSearchParams, response: ServerResponse): void {
    this.seen.set('end', query)
    const back = query.get('post_logout_redirect_uri')
    if (back === null) return void response.end('logged out')
    const url = new URL(back)
    const state = query.get('state')
    if (state !== null) url.searchParams.set('state', state)
    response.writeHead(302, { Location: this.script.answer(url).href }).end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }
}

function clientOf(body: URLSearchParams, authorization: string | undefined): string | null {
  const [, basic] = /^Basic (.+)$/.exec(authorization ?? '') ?? []
  const [id, secret] =
    basic === undefined
      ? [body.get('client_id'), body.get('client_secret')]
      : Buffer.from(basic, 'base64').toString().split(':').map(formDecoded)
  return secret === CLIENT_SECRET ? (id ?? null) : null
}

const formDecoded = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '))

/** Without what is `undefined`: a claim that is not there. */
function defined(claims: Said): Said {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}
