import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { settingsFromEnv } from 'sojourn'
import { authenticate, csrfInput, getMessages, getUser, login, logout, messages, sojourn } from 'sojourn/node'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

const sessions = sojourn({
  secretKey: 'only for a first try',
  authenticationBackends: [demoUsers],
  // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
  ...settingsFromEnv(),
})

type Page = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const pages: Readonly<Record<string, Page>> = {
  'GET /': async (request, response) => show(response, homePage(await shown(request))),
  'GET /login': async (request, response) => show(response, loginPage(await shown(request))),
  'GET /cart': async (request, response) => show(response, cartPage(await shown(request))),

  'POST /login': async (request, response) => {
    const user = await authenticate(request, fields(request))
    if (user === null) {
      messages.error(request, 'Wrong name or password.')
      return redirect(response, '/login')
    }
    await login(request, user)
    redirect(response, '/')
  },

  'POST /cart': async (request, response) => {
    const item = fields(request).item ?? ''
    request.session.cart = [...request.session.get('cart', []), item]
    messages.success(request, `${item} is in the cart.`)
    redirect(response, '/cart')
  },

  'POST /logout': async (request, response) => {
    await logout(request)
    redirect(response, '/')
  },
}

const server = createServer(
  sessions.handle(async (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?')
    const page = pages[`${request.method} ${path}`]
    if (page !== undefined) return page(request, response)
    response.statusCode = 404
    show(response, 'No such page.')
  }),
)

/** The form: sojourn has read it for its token, and left it here. */
function fields(request: IncomingMessage): Readonly<Record<string, string>> {
  return (request as { body?: Record<string, string> }).body ?? {}
}

async function shown(request: IncomingMessage): Promise<Shown> {
  const user = await getUser(request)
  return {
    csrf: csrfInput(request),
    username: user?.username,
    cart: request.session.get('cart'),
    notes: [...getMessages(request)].map(({ message }) => message),
  }
}

function show(response: ServerResponse, html: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.end(html)
}

function redirect(response: ServerResponse, location: string): void {
  response.statusCode = 303
  response.setHeader('Location', location)
  response.end()
}

const port = Number(process.env.PORT ?? 8000)
server.listen(port, '127.0.0.1', () => console.log(`http://localhost:${port}/`))
