import type { Request, Response } from 'express'
import { csrfInput, getMessages, getUser } from 'sojourn/express'
import { readCart } from './cart.js'
import { type Html, html, raw } from './html.js'

/** Sends a page with what every page of the site shows, as ../django/guestbook/templates/base.html does. */
export async function sendPage(req: Request, res: Response, heading: string, content: Html): Promise<void> {
  const user = await getUser(req)
  const cart = Object.entries(readCart(req.session)).map(([item, count]) => `${item} ${count}`)
  const notes = [...getMessages(req)].map(({ tags, message }) => html`<li class="${tags}">${message}</li>`)
  const page = html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${heading} · Node</title>
<nav>
  Django: <a href="/">home</a> <a href="/guestbook/">guestbook</a> <a href="/login/">log in</a>
  <a href="/password/">password</a> <a href="/admin/">admin</a>
  · Node: <a href="/node/">home</a> <a href="/node/form">guestbook</a> <a href="/node/login">log in</a>
  <a href="/node/account/password">password</a>
</nav>
<h1>${heading}</h1>
<p>This page is Node's. You are <b id="user">${user?.username ?? 'nobody'}</b>.</p>
<p>Your cart: <b id="cart">${cart.join(', ') || 'empty'}</b></p>
<ul id="messages">${notes}</ul>
${content}
${user === null ? byProvider(req, html`<p><a href="/oidc/login?next=/">Log in by the provider</a></p>`) : logoutForms(req)}
</html>
`
  res.send(page.text)
}

/** A form's hidden field: what `{% csrf_token %}` is in a template of Django. */
export function token(req: Request): Html {
  return raw(csrfInput(req))
}

function logoutForms(req: Request): Html {
  const atProvider = html`<form method="post" action="/oidc/logout">${token(req)}<button>Log out at the provider</button></form>`
  return html`<form method="post" action="/logout/">${token(req)}<button>Log out at Django</button></form>
<form method="post" action="/node/logout">${token(req)}<button>Log out at Node</button></form>
${byProvider(req, atProvider)}`
}

/** What is shown where visitors log in by a provider. */
function byProvider({ app }: Request, content: Html): Html {
  return app.locals['provider'] === true ? content : html``
}
