import type { Session } from 'sojourn'

export const goods: readonly string[] = ['mug', 'map']

/** The cart as either side left it in the session: `{ "mug": 2 }`. */
export function readCart(session: Session): Readonly<Record<string, number>> {
  const stored = session.get('cart')
  if (typeof stored !== 'object' || stored === null) return {}
  const counts = Object.entries(stored).filter(([item, count]) => goods.includes(item) && typeof count === 'number')
  return Object.fromEntries(counts) as Record<string, number>
}

/** Puts one more into the cart. A `transact` counts right also when two requests add at the same moment. */
export async function addToCart(session: Session, item: string): Promise<void> {
  await session.transact((fresh) => {
    const cart = readCart(fresh)
    fresh.set('cart', { ...cart, [item]: (cart[item] ?? 0) + 1 })
  })
}
