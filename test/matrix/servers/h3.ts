import { H3 } from 'h3'
import { sojourn } from 'sojourn/h3'
import { contractHost, fetchHandler } from 'sojourn/testing'
import { serveOnFetch } from './on-fetch.js'

const host = contractHost((site, app) => {
  const h3 = new H3({ silent: true })
  h3.use(sojourn(site))
  h3.all('/**', (event) => app.fetch(event.req, { request: event, session: () => event.context.session }))
  return (request: Request) => h3.fetch(request)
})

export default await serveOnFetch(fetchHandler(host))
