import { readFileSync } from 'node:fs'
import express from 'express'
import { csrfInput, ensureCsrfCookie, sojourn } from 'sojourn/express'
import { type Served, serve } from 'sojourn/testing'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { launchChromium } from '../support/chromium.js'
import { SECRET } from '../support/sites.js'

/** What a browser gets: the built file, which `npm test` makes anew. */
const SCRIPT = new URL('../../dist/csrf/browser.js', import.meta.url)

let launched: Awaited<ReturnType<typeof launchChromium>>
const served: Served[] = []

beforeAll(async () => {
  launched = await launchChromium()
}, 600_000)
afterAll(async () => {
  if ('browser' in launched) await launched.browser.close()
  for (const each of served) await each.close()
})

/** A page whose script has csrfFetch, and one that wants a token. `other` is where a redirect away leads. */
async function site(settings: object, other = ''): Promise<{ readonly origin: string; readonly heard: string[] }> {
  const heard: string[] = []
  const app = express()
  app.get('/browser.js', (_req, res) => void res.type('js').send(readFileSync(SCRIPT, 'utf8')))
  app.options('/away', (_req, res) => {
    res.set({ 'Access-Control-Allow-Origin': '*', 'Access-Control-Allow-Headers': '*' }).sendStatus(204)
  })
  app.post('/away', (req, res) => {
    heard.push(String(req.headers['x-csrftoken']))
    res.set('Access-Control-Allow-Origin', '*').send('heard')
  })
  app.get('/away', (req, res) => {
    heard.push(String(req.headers['x-csrftoken']))
    res.set('Access-Control-Allow-Origin', '*').send('heard')
  })
  app.use(sojourn({ secretKey: SECRET, sessionEngine: 'memory', ...settings }))
  app.get('/', ensureCsrfCookie, (req, res) => {
    const form = req.query['form'] === undefined ? '' : csrfInput(req)
    res.send(
      `<form>${form}</form><script type="module">import * as all from '/browser.js'; window.sojourn = all</script>`,
    )
  })
  app.post('/buy', (_req, res) => void res.send('bought'))
  app.post('/leave', (_req, res) => res.redirect(303, `${other}/away`))
  const one = await serve(app)
  served.push(one)
  return { origin: one.origin, heard }
}

async function inPage<T>(context: TestContext, url: string, script: string): Promise<T> {
  if ('missing' in launched) return context.skip(launched.missing)
  const page = await launched.browser.newPage()
  try {
    await page.goto(url)
    await page.waitForFunction('window.sojourn')
    return (await page.evaluate(
      `(async () => { const { csrfFetch, makeCsrfFetch } = window.sojourn; ${script} })()`,
    )) as T
  } finally {
    await page.close()
  }
}

const post = (fetching: string, path = '/buy') =>
  `const response = await ${fetching}('${path}', { method: 'POST', body: new URLSearchParams({ a: 1 }) }); return response.status + ' ' + (response.ok ? await response.text() : '')`

describe('csrfFetch in a browser', () => {
  test('brings the token of the cookie; plain fetch does not', async (context) => {
    const { origin } = await site({})
    expect(await inPage(context, origin, post('fetch'))).toBe('403 ')
    expect(await inPage(context, origin, post('csrfFetch'))).toBe('200 bought')
    expect(await inPage(context, origin, post('csrfFetch', `${origin}/buy`))).toBe('200 bought')
    expect(await inPage(context, origin, `return (await csrfFetch('/')).status`)).toBe(200)
  })

  test('brings the one of a form where scripts see no cookie', async (context) => {
    for (const settings of [{ csrfUseSessions: true }, { csrfCookieHttponly: true }]) {
      const { origin } = await site(settings)
      expect(await inPage(context, `${origin}/?form`, post('csrfFetch'))).toBe('200 bought')
      expect(await inPage(context, origin, post('csrfFetch'))).toBe('403 ')
    }
  })

  test('takes other names', async (context) => {
    const { origin } = await site({ csrfCookieName: 'proof', csrfHeaderName: 'X-Proof' })
    const named = `makeCsrfFetch({ cookieName: 'proof', headerName: 'X-Proof' })`
    expect(await inPage(context, origin, post(named))).toBe('200 bought')
    expect(await inPage(context, origin, post('csrfFetch'))).toBe('403 ')
  })

  test('sends no token to another site, neither asked for nor by a redirect', async (context) => {
    const other = await site({})
    const { origin } = await site({}, other.origin)
    expect(await inPage(context, origin, post('csrfFetch', `${other.origin}/away`))).toBe('200 heard')
    const led = `try { ${post('csrfFetch', '/leave')} } catch (error) { return error.name }`
    expect(await inPage(context, origin, led)).toBe('TypeError')
    expect(other.heard).toEqual(['undefined'])
  })
})
