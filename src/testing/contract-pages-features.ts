import { getUser } from '../auth/get-user.js'
import { login, logout } from '../auth/login.js'
import type { User } from '../auth/user.js'
import { csrfInput, getToken } from '../csrf/index.js'
import { getMessages, messages } from '../messages/index.js'
import type { Routes } from './app.js'
import { userNamed } from './contract-users.js'

/** Pages with forms. What sojourn's functions take is what the framework calls the request. */
export const formPages: Routes = {
  '/form': ({ request }) => `<form method="post" action="/take">${csrfInput(request)}</form>`,
  '/token': ({ request }) => getToken(request),
  '/take': async ({ query, session }) => {
    ;(await session()).set('taken', query.get('n'))
    return 'the answer of the handler'
  },
}

/** Pages of who the visitor is, and of what there is to tell them. */
export const userPages: Routes = {
  '/login': async ({ request, query }) => {
    await login(request, userNamed(query.get('name') as string) as User)
    messages.success(request, `Welcome, ${query.get('name')}.`)
    return { status: 303, headers: { Location: '/who' } }
  },
  '/logout': async ({ request }) => {
    await logout(request)
    return { status: 303, headers: { Location: '/who' } }
  },
  '/who': async ({ request }) => (await getUser(request))?.username ?? 'nobody',
  '/say': ({ request, query }) => {
    messages.warning(request, query.get('text') as string)
    return { status: 302, headers: { Location: '/messages' } }
  },
  '/messages': ({ request }) =>
    JSON.stringify([...getMessages(request)].map(({ tags, message }) => `${tags}: ${message}`)),
}

const ETAG = '"the page as it is"'

/** Pages with heads of their own making. */
export const cookiePages: Routes = {
  '/etag': async ({ header, session }) => {
    const opened = await session()
    opened.set('seen', Number(opened.get('seen', 0)) + 1)
    const isFresh = header('if-none-match') === ETAG
    return { status: isFresh ? 304 : 200, headers: { ETag: ETAG }, ...(isFresh ? {} : { body: 'page' }) }
  },
  '/nothing': async ({ session }) => {
    ;(await session()).set('at', 'nothing')
    return { status: 204 }
  },
  '/status': async ({ query, session }) => {
    const status = Number(query.get('code'))
    ;(await session()).set('status', status)
    return { status, body: 'the answer of the handler' }
  },
  '/cookies': async ({ request, session }) => {
    ;(await session()).set('at', 'cookies')
    messages.info(request, 'Cookies were set.')
    getToken(request)
    return { headers: { 'Set-Cookie': ['one=1; Path=/', 'two=2; Path=/'] }, body: 'page' }
  },
}
