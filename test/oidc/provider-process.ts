/** oidc-provider as a process: it prints its port, and reads its clients as a line of JSON. */
import { createServer, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { exportJWK, generateKeyPair } from 'jose'
import { type Configuration, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import { certificate } from '../support/certificate.js'
import { fetchHere } from '../support/fetch-here.js'
import type { ClientMetadata, ProviderOptions } from './processes.js'
import { CLIENT_SECRET } from './scripted-provider.js'

const { privateKey } = await generateKeyPair('RS256', { extractable: true })
const key = { ...(await exportJWK(privateKey)), use: 'sig', alg: 'RS256', kid: 'one' }

const { host } = JSON.parse(process.argv[2] ?? '{}') as ProviderOptions
const ask = host === undefined ? fetch : fetchHere
const server: Server = host === undefined ? createServer() : createHttps(await certificate())
server.listen(0, '127.0.0.1', () => {
  console.log(`port ${(server.address() as AddressInfo).port}`)
})

createInterface(process.stdin).once('line', (line) => {
  const { port } = server.address() as AddressInfo
  const clients = (JSON.parse(line) as ClientMetadata[]).map((client) => ({
    ...client,
    client_secret: CLIENT_SECRET,
    token_endpoint_auth_method: 'client_secret_post',
    backchannel_logout_session_required: true,
  }))
  const provider = new Provider(host === undefined ? `http://127.0.0.1:${port}` : `https://${host}:${port}`, {
    clients,
    jwks: { keys: [key] },
    cookies: { keys: ['a key of the tests'] },
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    // By itself it asks no address of this machine.
    fetch: (url: string, { dispatcher, ...options }: RequestInit & { dispatcher?: unknown }) => ask(url, options),
    // Without a page that asks for consent: they are sites of one owner.
    async loadExistingGrant({ oidc }: KoaContextWithOIDC) {
      const { client, session, provider: own } = oidc
      const known = session?.grantIdFor(client?.clientId ?? '')
      if (known !== undefined) return own.Grant.find(known)
      const grant = new own.Grant({ clientId: client?.clientId, accountId: session?.accountId })
      grant.addOIDCScope('openid')
      await grant.save()
      return grant
    },
  } as unknown as Configuration)
  server.on('request', provider.callback())
  console.log('ready')
})
