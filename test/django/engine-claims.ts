import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyClaims, pickleClaims } from './claims-cached.js'
import { dataClaims, largeDataClaims } from './claims-data.js'
import { clearingClaims, endingClaims, expiryClaims } from './claims-ending.js'
import { mergingClaims, racingClaims } from './claims-racing.js'
import { visitorClaims } from './claims-visitors.js'
import { type DjangoCase, type EnginePair, missingFor, Servers, startKind } from './engine-kinds.js'

/** Tries a Django and sojourn on all the stores that they can share; each server is started once. */
export async function tryEngines(django: DjangoCase): Promise<void> {
  const servers = new Servers()
  afterAll(() => servers[Symbol.asyncDispose]())
  for (const kind of django.kinds) {
    const none = await missingFor(kind, django.suite)
    describe.skipIf(none !== undefined)(`${kind.name}${none === undefined ? '' : ` (${none})`}`, () => {
      let started: EnginePair
      const pair = (): EnginePair => started
      const isStored = kind.engine !== 'signed_cookies'
      beforeAll(async () => {
        started = await startKind(kind, django, servers)
      })
      afterAll(() => started?.[Symbol.asyncDispose]())

      describe('the data', () => {
        dataClaims(pair)
        if (isStored) largeDataClaims(pair)
        if (kind.engine === 'cache') pickleClaims(pair, django.recent)
      })
      describe('the end of a session', () => {
        expiryClaims(pair, django.recent)
        if (isStored) endingClaims(pair)
        if (isStored && kind.engine !== 'cache') clearingClaims(pair)
        if (kind.engine === 'cached_db') copyClaims(pair)
      })
      describe('the visitor', () => visitorClaims(pair, django.recent))
      if (isStored) {
        describe('requests at once', () => {
          mergingClaims(pair)
          // No system call replaces a file only if it is still the one that was looked at.
          if (kind.engine !== 'file') racingClaims(pair)
        })
      }
      if (kind.database !== undefined && django.tablesOf === 'sojourn') {
        test('Django runs on the table that sojourn made before', async () => {
          expect(await pair().visitor(pair().early).ops(['get', 'early'])).toEqual([1])
        })
      }
    })
  }
}

/** What both keep in the session here, so that every store sees it. */
export const inSession = {
  CSRF_USE_SESSIONS: true,
  MESSAGE_STORAGE: 'django.contrib.messages.storage.session.SessionStorage',
} as const
