import Driver from 'better-sqlite3'
import { expect, test } from 'vitest'
import { type D1Handle, d1, isD1Handle } from '../../src/databases/d1.js'
import { isSqliteHandle } from '../../src/databases/sqlite.js'
import { ImproperlyConfigured } from '../../src/errors.js'

// What it does with a real D1 is shown in workerd: test/runtimes/workers.test.ts.

const shape = { prepare: () => undefined, batch: () => undefined, exec: () => undefined }

test('a D1 binding is told from a handle of SQLite, whose methods it has too', () => {
  expect(isSqliteHandle(shape)).toBe(true)
  expect(isD1Handle(shape)).toBe(true)
  const handle = new Driver(':memory:')
  expect(isD1Handle(handle)).toBe(false)
  handle.close()
})

test('a session of D1, which may read from a replica, is refused', () => {
  const { exec, ...session } = shape
  expect(() => d1(session as unknown as D1Handle)).toThrow(ImproperlyConfigured)
  expect(() => d1(shape as unknown as D1Handle)).not.toThrow()
})
