import { bodyParser } from '@koa/bodyparser'
import Koa, { type Context, type Middleware } from 'koa'
import { settingsFromEnv } from 'sojourn'
import { authenticate, csrfInput, getMessages, getUser, login, logout, messages, sojourn } from 'sojourn/koa'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

const app = new Koa()
app.use(
  sojourn({
    secretKey: 'only for a first try',
    authenticationBackends: [demoUsers],
    // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
    ...settingsFromEnv(),
  }),
)
app.use(bodyParser())

/** Larger sites have a router; four pages need none. */
const pages: Readonly<Record<string, Middleware>> = {
  'GET /': async (ctx) => {
    ctx.body = homePage(await shown(ctx))
  },

  'GET /login': async (ctx) => {
    ctx.body = loginPage(await shown(ctx))
  },

  'POST /login': async (ctx) => {
    const user = await authenticate(ctx, form(ctx))
    if (user === null) {
      messages.error(ctx, 'Wrong name or password.')
      return ctx.redirect('/login')
    }
    await login(ctx, user)
    ctx.redirect('/')
  },

  'GET /cart': async (ctx) => {
    ctx.body = cartPage(await shown(ctx))
  },

  'POST /cart': (ctx) => {
    const item = String(form(ctx).item)
    ctx.session.cart = [...ctx.session.get('cart', []), item]
    messages.success(ctx, `${item} is in the cart.`)
    ctx.redirect('/cart')
  },

  'POST /logout': async (ctx) => {
    await logout(ctx)
    ctx.redirect('/')
  },
}
app.use((ctx, next) => (pages[`${ctx.method} ${ctx.path}`] ?? next)(ctx, next))

function form(ctx: Context): Record<string, unknown> {
  return ctx.request.body as Record<string, unknown>
}

async function shown(ctx: Context): Promise<Shown> {
  const user = await getUser(ctx)
  return {
    csrf: csrfInput(ctx),
    username: user?.username,
    cart: ctx.session.get('cart'),
    notes: [...getMessages(ctx)].map(({ message }) => String(message)),
  }
}

const port = Number(process.env.PORT ?? 8000)
app.listen(port, '127.0.0.1', () => console.log(`http://localhost:${port}/`))
