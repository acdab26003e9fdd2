import { defineHandler, HTTPResponse } from 'nitro/h3'

export default defineHandler(async (event) => {
  const response = await event.context.app.fetch(event.req, {
    request: event,
    session: () => event.context.session,
  })
  // Where h3's own functions for headers and cookies leave them.
  for (const [name, value] of response.headers) event.res.headers.append(name, value)
  return new HTTPResponse(response.body, { status: response.status })
})
