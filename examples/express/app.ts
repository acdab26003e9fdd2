import express from 'express'
import { settingsFromEnv } from 'sojourn'
import { authenticate, csrfInput, getMessages, getUser, login, logout, messages, sojourn } from 'sojourn/express'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

const app = express()
app.use(
  sojourn({
    secretKey: 'only for a first try',
    authenticationBackends: [demoUsers],
    // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
    ...settingsFromEnv(),
  }),
)

app.get('/', async (req, res) => {
  res.send(homePage(await shown(req)))
})

app.get('/login', async (req, res) => {
  res.send(loginPage(await shown(req)))
})

app.post('/login', async (req, res) => {
  const user = await authenticate(req, req.body)
  if (user === null) {
    messages.error(req, 'Wrong name or password.')
    return res.redirect('/login')
  }
  await login(req, user)
  res.redirect('/')
})

app.get('/cart', async (req, res) => {
  res.send(cartPage(await shown(req)))
})

app.post('/cart', (req, res) => {
  const item = String(req.body.item)
  req.session.cart = [...req.session.get('cart', []), item]
  messages.success(req, `${item} is in the cart.`)
  res.redirect('/cart')
})

app.post('/logout', async (req, res) => {
  await logout(req)
  res.redirect('/')
})

async function shown(req: express.Request): Promise<Shown> {
  const user = await getUser(req)
  return {
    csrf: csrfInput(req),
    username: user?.username,
    cart: req.session.get('cart'),
    notes: [...getMessages(req)].map(({ message }) => message),
  }
}

const port = Number(process.env.PORT ?? 8000)
app.listen(port, '127.0.0.1', () => console.log(`http://localhost:${port}/`))
