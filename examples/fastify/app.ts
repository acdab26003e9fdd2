import formbody from '@fastify/formbody'
import { type FastifyRequest, fastify } from 'fastify'
import { settingsFromEnv } from 'sojourn'
import { authenticate, csrfInput, getMessages, getUser, login, logout, messages, sojourn } from 'sojourn/fastify'
import { cartPage, homePage, loginPage, type Shown } from '../shared/pages.js'
import { demoUsers } from '../shared/users.js'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}

const app = fastify()
app.register(formbody)
app.register(
  sojourn({
    secretKey: 'only for a first try',
    authenticationBackends: [demoUsers],
    // SECRET_KEY, DATABASE_URL and whatever else of Django's settings the environment has.
    ...settingsFromEnv(),
  }),
)

app.get('/', async (request, reply) => {
  reply.type('text/html')
  return homePage(await shown(request))
})

app.get('/login', async (request, reply) => {
  reply.type('text/html')
  return loginPage(await shown(request))
})

app.post<{ Body: { username: string; password: string } }>('/login', async (request, reply) => {
  const user = await authenticate(request, request.body)
  if (user === null) {
    messages.error(request, 'Wrong name or password.')
    return reply.redirect('/login')
  }
  await login(request, user)
  return reply.redirect('/')
})

app.get('/cart', async (request, reply) => {
  reply.type('text/html')
  return cartPage(await shown(request))
})

app.post<{ Body: { item: string } }>('/cart', async (request, reply) => {
  const { item } = request.body
  request.session.cart = [...request.session.get('cart', []), item]
  messages.success(request, `${item} is in the cart.`)
  return reply.redirect('/cart')
})

app.post('/logout', async (request, reply) => {
  await logout(request)
  return reply.redirect('/')
})

async function shown(request: FastifyRequest): Promise<Shown> {
  const user = await getUser(request)
  return {
    csrf: csrfInput(request),
    username: user?.username,
    cart: request.session.get('cart'),
    notes: [...getMessages(request)].map(({ message }) => String(message)),
  }
}

const port = Number(process.env.PORT ?? 8000)
await app.listen({ port, host: '127.0.0.1' })
console.log(`http://localhost:${port}/`)
