import { ImproperlyConfigured, sojourn } from 'sojourn'
import { createSites, type SitesOptions } from 'sojourn/sites'
import { expect, test } from 'vitest'
import type { SettingsInput } from '../../src/core/settings.js'
import { SECRET } from '../support/sites.js'

const HUB = 'https://id.example.com/sso/'
const MEMBERS = { shop: 'https://shop.example/sso/' }

/** What may be wrong with the options and the settings of a site, and what the error then names. */
const WRONG: readonly (readonly [string, object, SettingsInput, RegExp])[] = [
  ['an option that is none', { memers: {} }, {}, /no option 'memers'; did you mean members\?/],
  ['another word for a mode', { mode: 'sharde' }, {}, /'linked' or 'shared'/],
  ['no members', { members: undefined }, {}, /members: \{ shop/],
  ['itself under no name', { self: 'nobody' }, {}, /'nobody'/],
  ['a site without HTTPS', { hub: 'http://id.example.com/sso/' }, {}, /without HTTPS/],
  ['an address without a slash', { hub: 'https://id.example.com/sso' }, {}, /a slash at its end/],
  ['two sites of one origin', { members: { shop: HUB } }, {}, /the same origin/],
  ['a member called hub', { members: { hub: 'https://shop.example/sso/' } }, {}, /none is 'hub'/],
  ['one session for all in cookies', { mode: 'shared' }, { sessionEngine: 'signed_cookies' }, /mode 'linked'/],
  ['cookies that no other site leads to', {}, { sessionCookieSamesite: 'Strict' }, /sessionCookieSamesite 'Lax'/],
  ['a hub whose login page is its own way there', { self: 'hub' }, { loginUrl: '/sso/begin' }, /its own login page/],
]

test.each(WRONG)('%s is an error that says what to do', async (_, options, settings, says) => {
  const site = sojourn({ secretKey: SECRET, databases: { default: 'sqlite::memory:' }, ...settings })
  const make = (): unknown =>
    createSites({ site, self: 'shop', hub: HUB, members: MEMBERS, ...options } as SitesOptions)
  expect(make).toThrow(ImproperlyConfigured)
  expect(make).toThrow(says)
  await site.close()
})

test('what a framework calls its middleware is not the site of it', () => {
  const options = { site: {}, self: 'shop', hub: HUB, members: MEMBERS } as unknown as SitesOptions
  expect(() => createSites(options)).toThrow(/the `\.site` of what/)
})
