import { sojourn } from 'sojourn/next'
import { contractHost, fetchHandler } from 'sojourn/testing'

const host = contractHost((site, app) => sojourn(site).withSession((request) => app.fetch(request)))
const answer = fetchHandler(host)

export {
  answer as DELETE,
  answer as GET,
  answer as HEAD,
  answer as OPTIONS,
  answer as PATCH,
  answer as POST,
  answer as PUT,
}
