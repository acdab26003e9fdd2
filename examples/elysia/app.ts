import { Elysia } from 'elysia'
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

const app = new Elysia()
  // What answers all requests. Elysia's types say only that it is a function.
  .wrap((handle) => withSession(handle as unknown as (request: Request) => Promise<Response>))
  .derive(async ({ request }) => ({ session: await getSession(request) }))

  .get('/', async ({ request }) => page(homePage(await shown(request))))

  .get('/login', async ({ request }) => page(loginPage(await shown(request))))

  .post('/login', async ({ request, body, redirect }) => {
    const user = await authenticate(request, body as Record<string, unknown>)
    if (user === null) {
      messages.error(request, 'Wrong name or password.')
      return redirect('/login', 303)
    }
    await login(request, user)
    return redirect('/', 303)
  })

  .get('/cart', async ({ request }) => page(cartPage(await shown(request))))

  .post('/cart', ({ request, body, session, redirect }) => {
    const item = String((body as Record<string, unknown>).item)
    session.cart = [...session.get('cart', []), item]
    messages.success(request, `${item} is in the cart.`)
    return redirect('/cart', 303)
  })

  .post('/logout', async ({ request, redirect }) => {
    await logout(request)
    return redirect('/', 303)
  })

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

const port = Number(process.env.PORT ?? 8000)
app.listen({ port, hostname: '127.0.0.1' }, () => console.log(`http://localhost:${port}/`))
