import { settingsFromEnv } from 'sojourn'
import {
  authenticate,
  csrfInput,
  getMessages,
  getSession,
  getUser,
  login,
  logout,
  messages,
  sojourn,
} from 'sojourn/fetch'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.ts'
import { demoUsers } from '../shared/users.ts'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

const withSession = sojourn({
  secretKey: 'only for a first try',
  authenticationBackends: [demoUsers],
  // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
  ...settingsFromEnv(),
})

const pages: Readonly<Record<string, (request: Request) => Promise<Response>>> = {
  'GET /': async (request) => page(homePage(await shown(request))),

  'GET /login': async (request) => page(loginPage(await shown(request))),

  'POST /login': async (request) => {
    const user = await authenticate(request, Object.fromEntries(await request.formData()))
    if (user === null) {
      messages.error(request, 'Wrong name or password.')
      return redirect('/login')
    }
    await login(request, user)
    return redirect('/')
  },

  'GET /cart': async (request) => page(cartPage(await shown(request))),

  'POST /cart': async (request) => {
    const session = await getSession(request)
    const item = String((await request.formData()).get('item'))
    session.cart = [...session.get('cart', []), item]
    messages.success(request, `${item} is in the cart.`)
    return redirect('/cart')
  },

  'POST /logout': async (request) => {
    await logout(request)
    return redirect('/')
  },
}

const port = Number(Deno.env.get('PORT') ?? 8000)
Deno.serve(
  { hostname: '127.0.0.1', port, onListen: () => console.log(`http://localhost:${port}/`) },
  withSession((request) => {
    const answer = pages[`${request.method} ${new URL(request.url).pathname}`]
    return answer?.(request) ?? new Response('There is no such page.', { status: 404 })
  }),
)

async function shown(request: Request): Promise<Shown> {
  const [session, user] = [await getSession(request), await getUser(request)]
  return {
    csrf: csrfInput(request),
    username: user?.username,
    cart: session.get('cart'),
    notes: [...getMessages(request)].map(({ message }) => String(message)),
  }
}

function page(markup: string): Response {
  return new Response(markup, { headers: { 'Content-Type': 'text/html; charset=utf-8' } })
}

function redirect(location: string): Response {
  return new Response(null, { status: 303, headers: { Location: location } })
}
