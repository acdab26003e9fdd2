import type { Session } from 'sojourn'
import type { TextName } from './texts.js'

/** What the shop sells, and a cart: a nested value in the session, `{ "mug": 2, "map": 1 }`. */

export interface Product {
  readonly id: TextName & ('mug' | 'blanket' | 'map' | 'lantern' | 'pack' | 'notebook')
  /** In cents. */
  readonly price: number
}

export const products: readonly Product[] = [
  { id: 'mug', price: 1400 },
  { id: 'blanket', price: 6800 },
  { id: 'map', price: 950 },
  { id: 'lantern', price: 3200 },
  { id: 'pack', price: 8500 },
  { id: 'notebook', price: 700 },
]

export const MOST = 99

type Cart = Readonly<Record<string, number>>

export function findProduct(id: unknown): Product | undefined {
  return products.find((product) => product.id === id)
}

/** A whole number from 0 to 99, or undefined. */
export function readQuantity(text: unknown): number | undefined {
  return typeof text === 'string' && /^\d{1,2}$/.test(text.trim()) ? Number(text) : undefined
}

/** The cart as it is: whatever an older version of this shop may have left in the session, only counts of known products. */
export function readCart(session: Session): Cart {
  const stored = session.get('cart')
  if (typeof stored !== 'object' || stored === null) return {}
  const counts = Object.entries(stored).filter(([id, count]) => findProduct(id) && Number.isInteger(count) && count > 0)
  return Object.fromEntries(counts) as Cart
}

/**
 * Changes how many of a product are in the cart; 0 takes it out. Two tabs that add different things at the same moment share
 * one value of the session, so this is a `transact`: it reads the newest cart, and both things stay.
 */
export async function changeCart(session: Session, product: Product, change: (count: number) => number): Promise<void> {
  await session.transact((fresh) => {
    const { [product.id]: count = 0, ...rest } = readCart(fresh)
    const next = Math.min(change(count), MOST)
    // The product keeps its place in the list.
    const cart = next > 0 ? { ...readCart(fresh), [product.id]: next } : rest
    if (Object.keys(cart).length > 0) fresh.set('cart', cart)
    else fresh.delete('cart')
  })
}

export interface CartLine {
  readonly product: Product
  readonly quantity: number
  readonly sum: number
}

export function cartLines(session: Session): readonly CartLine[] {
  return Object.entries(readCart(session)).flatMap(([id, quantity]) => {
    const product = findProduct(id)
    return product ? [{ product, quantity, sum: product.price * quantity }] : []
  })
}
