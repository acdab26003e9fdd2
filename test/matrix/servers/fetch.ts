import { sojourn } from 'sojourn/fetch'
import { contractHost, fetchHandler } from 'sojourn/testing'
import { serveOnFetch } from './on-fetch.js'

export default await serveOnFetch(fetchHandler(contractHost((site, app) => sojourn(site)(app.fetch))))
