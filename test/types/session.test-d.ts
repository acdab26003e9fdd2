// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.
import type { Session } from '../../src/core/session-types.js'

interface Shop {
  username: string
  cart: number[]
  visits?: number
}

declare const open: Session
declare const shop: Session<Shop>
declare const fresh: Session<Shop>

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>(): void => {}

shop.username = 'john_doe'
shop['cart'] = [1]
delete shop.username
shop.set('cart', [1, 2])
shop.update({ visits: 1 })
shop.cart?.push(3)
shop.modified = true
same<Equal<typeof fresh.username, string | undefined>>()
const name = shop.get('username')
same<Equal<typeof name, string | undefined>>()
const guest = shop.get('username', null)
same<Equal<typeof guest, string | null>>()
const popped = shop.pop('cart')
same<Equal<typeof popped, number[] | undefined>>()
const result = shop.transact((session) => session.get('visits', 0))
same<Equal<typeof result, Promise<number | undefined>>>()

// @ts-expect-error a wrong type
shop.username = 1
// @ts-expect-error a wrong type by set
shop.set('cart', 'none')
// @ts-expect-error an unknown key, where keys are declared
shop.usename = 'john_doe'
// @ts-expect-error an unknown key by get
shop.get('usename')
// @ts-expect-error an unknown key by set
shop.set('usename', 'john_doe')
// @ts-expect-error a wrong type by update
shop.update({ visits: 'many' })
// @ts-expect-error a wrong default
shop.setDefault('visits', 'many')
// @ts-expect-error what may not be there is not there for certain
fresh.cart.push(1)
// @ts-expect-error the key is not to be set
shop.sessionKey = 'x'
// @ts-expect-error a name of the session itself
shop.flush = 1
// @ts-expect-error an expiry of no kind
shop.setExpiry(true)

// Where nothing is declared any key is allowed, and its value is unknown.
open['anything'] = { at: ['all'] }
open.set('anything', 1)
same<Equal<(typeof open)['anything'], unknown>>()
// @ts-expect-error a name of the session itself
open.update = 1
// @ts-expect-error unknown until it is looked at
open['anything'].at
// @ts-expect-error the session does not say it is a string
const text: string | undefined = open.get('anything')
void text
