import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { sojourn } from '../../src/sojourn.js'
import { SECRET } from '../support/sites.js'

const site = () => sojourn({ secretKey: SECRET, sessionEngine: 'memory', databases: { default: 'sqlite::memory:' } })

test('T27: a session that is printed or sent shows its data and not its key', async () => {
  const { sessions } = site()
  const session = sessions.open()
  session.set('colour', 'red')
  await session.save()
  const key = session.sessionKey as string
  expect(inspect(session)).toBe("{ colour: 'red' }")
  expect(inspect({ deep: { session } }, { depth: 9, showHidden: true })).not.toContain(key)
  expect(inspect(sessions.open(key))).toBe('[Session: not loaded]')
  expect(JSON.stringify({ session })).toBe('{"session":{"colour":"red"}}')
  expect(`${inspect(session)} ${Object.prototype.toString.call(session)}`).not.toContain(key)
})

test('T27: a site that is printed or sent shows no secret', async () => {
  const { sojourn: onNode } = await import('../../src/adapters/node.js')
  const secrets = [SECRET, 'an older secret of the site', 'a password of the database']
  const printed = sojourn({
    secretKey: SECRET,
    secretKeyFallbacks: ['an older secret of the site'],
    sessionEngine: 'memory',
    databases: { default: 'sqlite::memory:', other: 'sqlite:/a password of the database' },
  })
  for (const shown of [printed, printed.settings, onNode(printed), { deep: [printed] }]) {
    const texts = [inspect(shown, { depth: 9 }), JSON.stringify(shown)]
    for (const secret of secrets) for (const text of texts) expect(text ?? '').not.toContain(secret)
  }
})

test('a session in a text is no error', () => {
  expect(`${site().sessions.open()}`).toBe('[object Session]')
})

test('a session that is to end in a million years, or ended long ago, is stored all the same', async () => {
  const { sessions } = sojourn({ secretKey: SECRET, databases: { default: 'sqlite::memory:' } })
  const session = sessions.open()
  session.setExpiry(7_757_823_315_408_571)
  await session.save()
  expect(await session.exists(session.sessionKey as string)).toBe(true)
  session.setExpiry(-7_757_823_315_408_571)
  await session.save()
  await expect(sessions.clearExpired()).resolves.toBe(1)
})
