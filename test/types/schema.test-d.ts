// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.
import * as v from 'valibot'
import { z } from 'zod'
import { sojourn as withExpress } from '../../src/adapters/express.js'
import { sojourn as withFastify } from '../../src/adapters/fastify.js'
import { sojourn as withFetch } from '../../src/adapters/fetch.js'
import { sojourn as withH3 } from '../../src/adapters/h3.js'
import { sojourn as withHono } from '../../src/adapters/hono.js'
import { sojourn as withKoa } from '../../src/adapters/koa.js'
import { sojourn as withNest } from '../../src/adapters/nest.js'
import { sojourn as withNext } from '../../src/adapters/next.js'
import { sojourn as withNode } from '../../src/adapters/node.js'
import { sojourn as withSveltekit } from '../../src/adapters/sveltekit.js'
import { getSession } from '../../src/core/get-session.js'
import type { SchemaData } from '../../src/core/session-schema.js'
import type { Session } from '../../src/core/session-types.js'
import type { SettingsInput } from '../../src/core/settings.js'
import { defineSettings } from '../../src/core/settings-input.js'
import type { SessionOf, Site } from '../../src/core/site.js'
import { sojourn } from '../../src/sojourn.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}

const zodShop = z.object({ username: z.string(), cart: z.array(z.number()), visits: z.number().optional() })
const valibotShop = v.object({ username: v.string(), cart: v.array(v.number()), visits: v.optional(v.number()) })
interface Shop {
  username: string
  cart: number[]
  visits?: number
}

const site = sojourn({ secretKey: 'x', sessionSchema: zodShop })
const session = site.sessions.open()
same<Equal<SessionOf<typeof site>, typeof session>>()
same<Equal<typeof session.username, string | undefined>>()
same<Equal<typeof session.cart, number[] | undefined>>()
session.username = 'john_doe'
session.set('cart', [1])
session.transact((own) => own.cart?.push(2))
// @ts-expect-error a wrong type
session.username = 1
// @ts-expect-error a wrong type by set
session.set('cart', ['one'])
// @ts-expect-error an unknown key
session.usename = 'john_doe'
// @ts-expect-error a wrong type within a transaction
session.transact((own) => own.set('visits', 'many'))

const other = sojourn({ SECRET_KEY: 'x', sessionSchema: valibotShop }).sessions.open()
same<Equal<typeof other.visits, number | undefined>>()
// @ts-expect-error a wrong type
other.visits = 'many'

// The sessions of a request, where nothing is declared for all of them.
const ofRequest = async (request: Request): Promise<void> => {
  const own = await getSession<SchemaData<typeof zodShop>>(request)
  const named: SessionOf<typeof site> = own
  own.visits = Number(named.visits) + 1
  // @ts-expect-error a wrong type
  own.visits = 'many'
}
void ofRequest

// Each adapter's site is typed by the schema it was given, by the site it was given, or by what is declared for all.
const asked = { secretKey: 'x', sessionSchema: zodShop }
const byExpress = [withExpress(asked).site.sessions.open(), withExpress(site).site.sessions.open()] as const
same<Equal<typeof byExpress, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainExpress>, Site>>()
function plainExpress() {
  return withExpress({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withExpress({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withExpress({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byFastify = [withFastify(asked).site.sessions.open(), withFastify(site).site.sessions.open()] as const
same<Equal<typeof byFastify, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainFastify>, Site>>()
function plainFastify() {
  return withFastify({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withFastify({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withFastify({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byFetch = [withFetch(asked).site.sessions.open(), withFetch(site).site.sessions.open()] as const
same<Equal<typeof byFetch, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainFetch>, Site>>()
function plainFetch() {
  return withFetch({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withFetch({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withFetch({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byH3 = [withH3(asked).site.sessions.open(), withH3(site).site.sessions.open()] as const
same<Equal<typeof byH3, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainH3>, Site>>()
function plainH3() {
  return withH3({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withH3({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withH3({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byHono = [withHono(asked).site.sessions.open(), withHono(site).site.sessions.open()] as const
same<Equal<typeof byHono, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainHono>, Site>>()
function plainHono() {
  return withHono({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withHono({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withHono({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byKoa = [withKoa(asked).site.sessions.open(), withKoa(site).site.sessions.open()] as const
same<Equal<typeof byKoa, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainKoa>, Site>>()
function plainKoa() {
  return withKoa({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withKoa({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withKoa({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byNest = [withNest(asked).site.sessions.open(), withNest(site).site.sessions.open()] as const
same<Equal<typeof byNest, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainNest>, Site>>()
function plainNest() {
  return withNest({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withNest({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withNest({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byNext = [withNext(asked).site.sessions.open(), withNext(site).site.sessions.open()] as const
same<Equal<typeof byNext, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainNext>, Site>>()
function plainNext() {
  return withNext({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withNext({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withNext({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const byNode = [withNode(asked).site.sessions.open(), withNode(site).site.sessions.open()] as const
same<Equal<typeof byNode, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainNode>, Site>>()
function plainNode() {
  return withNode({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withNode({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withNode({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })
const bySveltekit = [withSveltekit(asked).site.sessions.open(), withSveltekit(site).site.sessions.open()] as const
same<Equal<typeof bySveltekit, readonly [typeof session, typeof session]>>()
same<Equal<ReturnType<typeof plainSveltekit>, Site>>()
function plainSveltekit() {
  return withSveltekit({ secretKey: 'x' }).site
}
// @ts-expect-error a misspelt setting
withSveltekit({ secretKey: 'x', sesionCookieAge: 60 })
// @ts-expect-error a misspelt setting beside a schema
withSveltekit({ secretKey: 'x', sessionSchema: zodShop, sesionCookieAge: 60 })

// A site of its own data is a site for whoever takes any.
const any: Site = site
same<Equal<SessionOf<typeof any>, Session>>()
same<Equal<SessionOf<{ readonly site: typeof site }>, typeof session>>()

// What is not transformed is typed as it is kept: by the schema's input.
const dated = z.object({ since: z.string().transform((text) => new Date(text)) })
same<Equal<SchemaData<typeof dated>, { since: string }>>()
const loose = sojourn({ secretKey: 'x', sessionSchema: z.looseObject({ username: z.string() }) }).sessions.open()
same<Equal<typeof loose.username, string | undefined>>()
same<Equal<(typeof loose)['anything'], unknown>>()

interface Declared extends SchemaData<typeof zodShop> {}
declare const declared: Session<Declared>
same<Equal<(typeof declared)['cart'], number[] | undefined>>()
const settings: SettingsInput = defineSettings({ sessionSchema: zodShop })
defineSettings({ SESSION_SCHEMA: null })
void settings

// @ts-expect-error not a schema of an object
sojourn({ secretKey: 'x', sessionSchema: z.string() })
// @ts-expect-error an object that is no schema
sojourn({ secretKey: 'x', sessionSchema: { username: 'string' } })
// @ts-expect-error a slip in another setting beside a schema
sojourn({ secretKey: 'x', sessionSchema: zodShop, sessionCookieAgee: 1 })
declare const shop: Shop
const asData: SchemaData<typeof valibotShop> = shop
void asData
