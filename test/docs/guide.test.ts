import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runSnippet } from './run-snippet.js'
import { guideSnippets, parseTry } from './snippets.js'

// Snippets read settings from the environment; that of whoever runs the tests may name a real database.
const { env } = process
beforeAll(() => {
  process.env = { TMPDIR: env['TMPDIR'], SECRET_KEY: 'a secret of the tests, of more than fifty characters in all' }
  if (env['TMPDIR'] === undefined) delete process.env['TMPDIR']
})
afterAll(() => {
  process.env = env
})

describe('the guide', () => {
  const snippets = guideSnippets()

  test.each([
    ['sessions.md', 26],
    ['engines.md', 18],
    ['csrf.md', 3],
    ['login.md', 3],
    ['messages.md', 0],
    ['own-engine.md', 2],
    ['from-express-session.md', 3],
    ['from-iron-session.md', 2],
    ['testing.md', 0],
    ['sites-with-django.md', 1],
  ])('%s has more than %i snippets', (page, count) => {
    expect(snippets.filter(({ place }) => place.startsWith(`docs/guide/${page}`)).length).toBeGreaterThan(count)
  })

  test.each(snippets.map((snippet) => [snippet.place, snippet] as const))(
    '%s does what it says',
    async (_, snippet) => {
      await runSnippet(snippet)
    },
  )

  test('shows of each snippet what it does: by a request, or by what it logs', () => {
    const idle = snippets.filter(({ code, tries }) => tries.length === 0 && !/^console\.log\(.*\) \/\/ ./m.test(code))
    expect(idle.map(({ place }) => place)).toEqual([])
  })
})

describe('a snippet is refused', () => {
  const app = `import express from 'express'
import { sojourn } from 'sojourn/express'
const app = express()
app.use(sojourn({ secretKey: process.env.SECRET_KEY, sessionEngine: 'memory' }))
app.get('/', (req, res) => {
  req.session.visits = 1
  res.send('one')
})`
  const run = (code: string, ...tries: readonly string[]): Promise<void> =>
    runSnippet({
      place: 'here',
      code,
      tries: tries.map((text) => {
        const asked = parseTry(`<!-- try: ${text} -->`)
        if (asked === null) throw new Error(`no try: ${text}`)
        return asked
      }),
    })

  test('never for being right', async () => {
    await run(app, 'GET / -> 200 contains one', 'GET / -> 200 contains set-cookie: sessionid=')
    await run(`${app}\napp.listen(8000, () => console.log('listening'))`, 'GET / -> 200 contains one')
    await run(`export const handler = async () => new Response('two')`, 'GET / -> 200 contains two')
    await run('console.log(1 + 1) // 2')
  })

  test.each([
    ['it answers another status', app, ['GET / -> 201'], 'GET / answers 200, and the page says 201'],
    ['it answers something else', app, ['GET / -> 200 contains two'], "GET / has no 'two'"],
    ['it has no such page', app, ['GET /other -> 200'], 'answers 404'],
    ['it refuses a form', app, ['POST / a=1 -> 200'], 'answers 403'],
    ['it logs something else', 'console.log(1 + 1) // 3', [], 'logs ["2"], and the page says ["3"]'],
    ['it logs more than it says', 'console.log(1)\nconsole.log(2) // 2', [], 'logs ["1","2"]'],
    ['it throws', "throw new Error('on purpose')", [], 'on purpose'],
    ['it imports what is not there', "import { nothing } from 'sojourn/nowhere'\nnothing()", [], './nowhere'],
    ['nobody answers', 'const x = 1', ['GET / -> 200'], 'neither an app nor a handler'],
  ])('if %s', async (_, code, tries, message) => {
    await expect(run(code, ...tries)).rejects.toThrow(message)
  })

  test('if a comment is no try', () => {
    expect(parseTry('<!-- try: GET -> 200 -->')).toBeNull()
    expect(parseTry('<!-- try: POST /login name=ann -> 302 contains /next -->')).toEqual({
      method: 'POST',
      path: '/login',
      fields: { name: 'ann' },
      status: 302,
      contains: '/next',
    })
  })
})
