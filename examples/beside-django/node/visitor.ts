import { Router } from 'express'
import { getUser, messages } from 'sojourn/express'
import { addToCart, goods } from './cart.js'
import { html } from './html.js'
import { sendPage, token } from './page.js'

/** Who is here and what is in the cart; forms that either side takes; a message. */
export function visitor(): Router {
  const router = Router()

  router.get('/', (req, res) => {
    const forms = goods.flatMap((item) =>
      [
        { action: '/cart', side: 'Django' },
        { action: '/node/cart', side: 'Node' },
      ].map(
        ({ action, side }) => html`<form method="post" action="${action}">${token(req)}
<button name="item" value="${item}">Add a ${item} at ${side}</button></form>`,
      ),
    )
    return sendPage(req, res, 'A route in Node', html`${forms}`)
  })

  router.post('/cart', async (req, res) => {
    const { item } = req.body as { item?: unknown }
    if (typeof item === 'string' && goods.includes(item)) await addToCart(req.session, item)
    res.redirect(303, '/node/')
  })

  router.get('/form', (req, res) =>
    sendPage(
      req,
      res,
      'Write to either',
      html`<form method="post" action="/guestbook/">${token(req)}
<label>Your words <input name="text" required maxlength="200"></label> <button>Write in Django's guestbook</button></form>
<form method="post" action="/node/note">${token(req)}
<label>A note <input name="text" required maxlength="200"></label> <button>Note it at Node</button></form>`,
    ),
  )

  router.post('/note', async (req, res) => {
    const user = await getUser(req)
    messages.info(req, `Node says: ${String(req.body.text ?? '')}`, { extraTags: user === null ? '' : 'signed' })
    res.redirect(303, '/node/')
  })

  return router
}
