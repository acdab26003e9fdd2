import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/databases/database.js'
import { openDatabase } from '../../src/databases/open.js'
import { ImproperlyConfigured } from '../../src/errors.js'
import { missingServer, startMariadb, startPostgres, type TestServer } from '../support/servers/index.js'

const UTC = { useTz: true, timeZone: 'UTC' }

test('what names no database is an error that says what does', () => {
  for (const source of [undefined, null, 'oracle://h', {}, () => undefined]) {
    expect(() => openDatabase(source, UTC)).toThrow(ImproperlyConfigured)
  }
  expect(() => openDatabase({}, UTC)).toThrow(/a pool of pg, postgres or mysql2/)
})

test.each([
  ['sqlite3:./db.sqlite3', 'did you mean sqlite:?'],
  ['mysql2://u:tiger@h/d', "'mysql2:' is none of them; did you mean mysql:?"],
  ['./db.sqlite3', 'A path is written sqlite:./db.sqlite3'],
  ['oracle://u:tiger@h/d', "'oracle:' is none of them"],
  ['tiger', 'mariadb:'],
])('a URL of another scheme is told the nearest one: %s', (source, words) => {
  expect(() => openDatabase(source, UTC)).toThrow(words)
  expect(() => openDatabase(source, UTC)).not.toThrow(/tiger/)
})

test('a database made by hand is taken as it is', () => {
  const own = { dialect: 'sqlite' } as Database
  expect(openDatabase(own, UTC)).toBe(own)
})

const SERVERS = {
  postgres: { start: startPostgres, slow: 'SELECT pg_sleep(0.8)' },
  mariadb: { start: startMariadb, slow: 'SELECT SLEEP(0.8)' },
} as const

for (const name of ['postgres', 'mariadb'] as const) {
  const missing = await missingServer(name)
  describe.skipIf(missing !== undefined)(`on ${name} ${missing ?? ''}`, () => {
    let server: TestServer
    beforeAll(async () => {
      server = await SERVERS[name].start()
    })
    afterAll(() => server[Symbol.asyncDispose]())

    test.each([
      ['as long as the site waits for its store', {}, 3, true],
      ['no longer than that', {}, 0.3, false],
      ['as the URL says, if it does', { [name === 'postgres' ? 'query_timeout' : 'queryTimeout']: '3000' }, 0.3, true],
    ])('a statement is waited for %s', async (_claim, parameters, sessionStoreTimeout, answers) => {
      const query = new URLSearchParams(parameters as Record<string, string>).toString()
      const url = query === '' ? server.url : `${server.url}?${query}`
      const database = openDatabase(url, { ...UTC, sessionStoreTimeout })
      const answered = Promise.resolve(database.prepare(SERVERS[name].slow).all()).then(
        () => true,
        () => false,
      )
      expect(await answered).toBe(answers)
      await database.close()
    })
  })
}
