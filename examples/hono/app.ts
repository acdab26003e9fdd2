import { serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { settingsFromEnv } from 'sojourn'
import { authenticate, csrfInput, getMessages, getUser, login, logout, messages, sojourn } from 'sojourn/hono'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

const app = new Hono()
app.use(
  sojourn({
    secretKey: 'only for a first try',
    authenticationBackends: [demoUsers],
    // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
    ...settingsFromEnv(),
  }),
)

app.get('/', async (c) => c.html(homePage(await shown(c))))

app.get('/login', async (c) => c.html(loginPage(await shown(c))))

app.post('/login', async (c) => {
  const user = await authenticate(c, await c.req.parseBody())
  if (user === null) {
    messages.error(c, 'Wrong name or password.')
    return c.redirect('/login')
  }
  await login(c, user)
  return c.redirect('/')
})

app.get('/cart', async (c) => c.html(cartPage(await shown(c))))

app.post('/cart', async (c) => {
  const { session } = c.var
  const item = String((await c.req.parseBody()).item)
  session.cart = [...session.get('cart', []), item]
  messages.success(c, `${item} is in the cart.`)
  return c.redirect('/cart')
})

app.post('/logout', async (c) => {
  await logout(c)
  return c.redirect('/')
})

async function shown(c: Context): Promise<Shown> {
  const user = await getUser(c)
  return {
    csrf: csrfInput(c),
    username: user?.username,
    cart: c.var.session.get('cart'),
    notes: [...getMessages(c)].map(({ message }) => String(message)),
  }
}

const port = Number(process.env.PORT ?? 8000)
serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () => console.log(`http://localhost:${port}/`))
