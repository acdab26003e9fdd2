import { H3, type H3Event, html, raw, readBody, redirect, serve } from 'h3'
import { settingsFromEnv } from 'sojourn'
import { authenticate, csrfInput, getMessages, getUser, login, logout, messages, sojourn } from 'sojourn/h3'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

const app = new H3()
app.use(
  sojourn({
    secretKey: 'only for a first try',
    authenticationBackends: [demoUsers],
    // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
    ...settingsFromEnv(),
  }),
)

app.get('/', async (event) => html(raw(homePage(await shown(event)))))

app.get('/login', async (event) => html(raw(loginPage(await shown(event)))))

app.post('/login', async (event) => {
  const user = await authenticate(event, await form(event))
  if (user === null) {
    messages.error(event, 'Wrong name or password.')
    return redirect('/login')
  }
  await login(event, user)
  return redirect('/')
})

app.get('/cart', async (event) => html(raw(cartPage(await shown(event)))))

app.post('/cart', async (event) => {
  const { session } = event.context
  const item = String((await form(event)).item)
  session.cart = [...session.get('cart', []), item]
  messages.success(event, `${item} is in the cart.`)
  return redirect('/cart')
})

app.post('/logout', async (event) => {
  await logout(event)
  return redirect('/')
})

async function form(event: H3Event): Promise<Record<string, unknown>> {
  return (await readBody<Record<string, unknown>>(event)) ?? {}
}

async function shown(event: H3Event): Promise<Shown> {
  const user = await getUser(event)
  return {
    csrf: csrfInput(event),
    username: user?.username,
    cart: event.context.session.get('cart'),
    notes: [...getMessages(event)].map(({ message }) => String(message)),
  }
}

const port = Number(process.env.PORT ?? 8000)
const server = serve(app, { port, hostname: '127.0.0.1', silent: true })
await server.ready()
console.log(`http://localhost:${port}/`)
