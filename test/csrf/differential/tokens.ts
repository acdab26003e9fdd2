import { maskSecret } from '../../../src/csrf/token.js'
import { dumps } from '../../../src/signing.js'
import { SECRET } from '../../support/sites.js'
import type { Variant } from './case.js'
import type { Chance } from './chance.js'

/** The secret that a visitor brings, and the tokens that say it again. */

type Line = readonly [name: string, value: string]

function masked(chance: Chance, secret: string): string {
  return maskSecret(secret, chance.letters(32))
}

/** Not of the form of a secret. */
function malformed(chance: Chance): string {
  return chance.of([
    '',
    'x',
    chance.letters(31),
    chance.letters(33),
    chance.letters(63),
    chance.letters(65),
    chance.letters(40),
    `${chance.letters(31)}-`,
    `${chance.letters(31)}!`,
    `${chance.letters(63)}_`,
    `${chance.letters(16)} ${chance.letters(15)}`,
    '"><script>alert(1)</script>',
    `${chance.letters(31)}\xc3\xa9`,
  ])
}

/** Cookie lines of a visitor whose secret this is; for some it is missing, malformed or somebody else's. */
export function cookiesFrom(chance: Chance, variant: Variant, secret: string): Line[] {
  const { csrfCookieName: name = 'csrftoken', csrfUseSessions = false } = variant.settings
  const csrf = csrfUseSessions && chance.happens(0.7) ? [] : csrfCookies(chance, name, secret)
  const all = csrfUseSessions || chance.happens(0.1) ? [...csrf, ...sessionCookies(chance, secret)] : csrf
  if (chance.happens(0.2)) all.unshift('theme=dark')
  if (chance.happens(0.1)) all.push(chance.of(['flag', '=x', '', 'a="b;c"', `x${name}=evil`, `${name}x=evil`]))
  if (all.length === 0) return []
  if (all.length > 1 && chance.happens(0.1)) return all.map((each) => ['Cookie', each])
  return [['Cookie', all.join(chance.of(['; ', ';', ' ;  ']))]]
}

function csrfCookies(chance: Chance, name: string, secret: string): string[] {
  const own = `${name}=${secret}`
  const other = `${name}=${chance.letters(32)}`
  return chance.weighted([
    [60, () => [own]],
    [12, () => [`${name}=${masked(chance, secret)}`]],
    [6, () => []],
    [6, () => [`${name}=${malformed(chance)}`]],
    // A sibling host tossed one; which of them comes first is up to the browser.
    [4, () => [other, own]],
    [3, () => [own, other]],
    [1, () => [own, `${name}=${malformed(chance)}`]],
    [1, () => [own, own]],
    [1, () => [`${name}="${secret}"`]],
    [1, () => [`${name}="\\${secret.charCodeAt(0).toString(8)}${secret.slice(1)}"`]],
    [1, () => [`${name} = ${secret}`]],
    [1, () => [`${name.toUpperCase()}=${secret}`]],
    [1, () => [name]],
    // A no-break space, as UTF-8: browsers take this for another name, Python trims it away (T04).
    [2, () => [`\xc2\xa0${own}`]],
  ])()
}

function sessionCookies(chance: Chance, secret: string): string[] {
  const session = (data: object): string =>
    `sessionid=${dumps(data, { key: SECRET, salt: 'django.contrib.sessions.backends.signed_cookies' })}`
  return chance.weighted([
    [20, () => [session({ _csrftoken: secret })]],
    [5, () => [session({ _csrftoken: masked(chance, secret), theme: 'dark' })]],
    [2, () => [session({ theme: 'dark' })]],
    [2, () => []],
    [1, () => [session({ _csrftoken: secret }).slice(0, -1)]],
    [1, () => [session({ _csrftoken: secret }).replace(/^sessionid=./, 'sessionid=x')]],
    [3, () => [session({ _csrftoken: chance.letters(chance.of([0, 1, 31, 33])) })]],
  ])()
}

function tokenFrom(chance: Chance, secret: string): string {
  return chance.weighted([
    [10, () => masked(chance, secret)],
    [6, () => secret],
    [1, () => masked(chance, chance.letters(32))],
    [1, () => chance.letters(32)],
    [2, () => malformed(chance)],
    // One character is wrong, in the mask or in what it covers.
    [1, () => oneWrong(chance, masked(chance, secret))],
    [1, () => oneWrong(chance, secret)],
  ])()
}

function oneWrong(chance: Chance, text: string): string {
  const at = chance.of([...text].map((_, index) => index))
  return `${text.slice(0, at)}${text[at] === 'a' ? 'b' : 'a'}${text.slice(at + 1)}`
}

/** Tokens by where they are; several fields may have the name. */
export interface Tokens {
  readonly fields: readonly string[]
  readonly header: string | undefined
}

export function tokensFrom(chance: Chance, secret: string): Tokens {
  const token = (): string => tokenFrom(chance, secret)
  return chance.weighted<() => Tokens>([
    [10, () => ({ fields: [token()], header: undefined })],
    [7, () => ({ fields: [], header: token() })],
    [3, () => ({ fields: [token()], header: token() })],
    [2, () => ({ fields: [''], header: token() })],
    [1, () => ({ fields: [''], header: undefined })],
    [1, () => ({ fields: [token(), token()], header: undefined })],
    [1, () => ({ fields: [token(), ''], header: token() })],
    [1, () => ({ fields: [], header: undefined })],
    // Behind the last letter (T35), or one that is none of ours: as UTF-8 where the body is read, as bytes in a header.
    [1, () => ({ fields: [`${token()}\n`], header: undefined })],
    [1, () => ({ fields: [`${chance.letters(31)}\xe9`], header: undefined })],
    [1, () => ({ fields: [], header: `${chance.letters(31)}\xe9` })],
    [1, () => ({ fields: [`${chance.letters(31)}\u{1f36a}`], header: undefined })],
  ])()
}
