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
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

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

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT ?? 8000),
  routes: {
    '/': {
      GET: withSession(async (request) => page(homePage(await shown(request)))),
    },

    '/login': {
      GET: withSession(async (request) => page(loginPage(await shown(request)))),
      POST: withSession(async (request) => {
        const user = await authenticate(request, Object.fromEntries(await request.formData()))
        if (user === null) {
          messages.error(request, 'Wrong name or password.')
          return redirect('/login')
        }
        await login(request, user)
        return redirect('/')
      }),
    },

    '/cart': {
      GET: withSession(async (request) => page(cartPage(await shown(request)))),
      POST: withSession(async (request) => {
        const session = await getSession(request)
        const item = String((await request.formData()).get('item'))
        session.cart = [...session.get('cart', []), item]
        messages.success(request, `${item} is in the cart.`)
        return redirect('/cart')
      }),
    },

    '/logout': {
      POST: withSession(async (request) => {
        await logout(request)
        return redirect('/')
      }),
    },
  },
})
console.log(`http://localhost:${server.port}/`)

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
