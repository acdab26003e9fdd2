import { type Request, type Response, Router } from 'express'
import { getUser, loginRequired } from 'sojourn/express'
import { cartLines, changeCart, findProduct, MOST, type Product, products, readCart, readQuantity } from './cart.js'
import { flash, render, textsOf } from './page.js'

/** The greeting with the goods, the cart and the order. */
export function shop(): Router {
  const router = Router()

  router.get('/', async (req, res) => {
    await render(req, res, 'home.njk', { products })
  })

  router.post('/name', (req, res) => {
    const username = String(req.body.username ?? '').trim()
    if (username === '' || [...username].length > 40) {
      flash(req, 'error', 'nameMissing')
    } else {
      req.session.username = username
      flash(req, 'success', 'nameKept', username)
    }
    res.redirect(303, '/')
  })

  router.post('/name/forget', (req, res) => {
    delete req.session['username']
    flash(req, 'success', 'nameForgotten')
    res.redirect(303, '/')
  })

  router.get('/cart', async (req, res) => {
    await render(req, res, 'cart.njk', cartValues(req))
  })

  router.post('/cart/add', (req, res) =>
    withProduct(req, res, '/', async (product) => {
      const name = textsOf(req)[product.id]
      if (readCart(req.session)[product.id] === MOST) return flash(req, 'warning', 'most', name)
      await changeCart(req.session, product, (count) => count + 1)
      flash(req, 'success', 'added', name)
    }),
  )

  router.post('/cart/change', (req, res) =>
    withProduct(req, res, '/cart', async (product) => {
      const quantity = readQuantity(req.body.quantity)
      if (quantity === undefined) return
      await changeCart(req.session, product, () => quantity)
      flash(req, 'success', quantity === 0 ? 'removed' : 'changed', textsOf(req)[product.id])
    }),
  )

  router.post('/cart/remove', (req, res) =>
    withProduct(req, res, '/cart', async (product) => {
      await changeCart(req.session, product, () => 0)
      flash(req, 'success', 'removed', textsOf(req)[product.id])
    }),
  )

  router.get('/checkout', loginRequired, async (req, res) => {
    await render(req, res, 'checkout.njk', cartValues(req))
  })

  router.post('/checkout', loginRequired, async (req, res) => {
    const user = await getUser(req)
    if (cartLines(req.session).length === 0) {
      flash(req, 'warning', 'orderEmpty')
    } else {
      delete req.session['cart']
      flash(req, 'success', 'ordered', user?.username ?? '')
    }
    res.redirect(303, '/')
  })

  return router
}

/** A product that the form names; a form that was not ours to begin with changes nothing. */
async function withProduct(
  req: Request,
  res: Response,
  next: string,
  change: (product: Product) => Promise<void>,
): Promise<void> {
  const product = findProduct(req.body.item)
  if (product !== undefined) await change(product)
  res.redirect(303, next)
}

function cartValues(req: Request): Record<string, unknown> {
  const lines = cartLines(req.session)
  return { lines, total: lines.reduce((total, { sum }) => total + sum, 0) }
}
