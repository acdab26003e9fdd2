/** The four pages of every example, as HTML. What a framework adds is in its own folder; this is what they have in common. */

export interface Shown {
  /** The hidden field of the form: `csrfInput(request)`. */
  readonly csrf: string
  /** Who is logged in. */
  readonly username?: string | undefined
  /** What the cart holds. */
  readonly cart?: readonly string[] | undefined
  /** What to tell the visitor, once. */
  readonly notes?: readonly string[] | undefined
}

/** `/`: who the visitor is, and a way out for whoever is logged in. */
export function homePage({ csrf, username, cart = [], notes }: Shown): string {
  const way =
    username === undefined
      ? '<p><a href="/login">Log in</a></p>'
      : `<form method="post" action="/logout">${csrf}<button>Log out</button></form>`
  return page(
    `<h1>Hello, ${escaped(username ?? 'Guest')}</h1>
<p>Your cart holds ${cart.length}. <a href="/cart">To the cart</a></p>
${way}`,
    notes,
  )
}

/** `/login`, with what went wrong the last time. */
export function loginPage({ csrf, notes }: Shown): string {
  return page(
    `<h1>Log in</h1>
<form method="post" action="/login">${csrf}
<label>Name <input name="username" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>`,
    notes,
  )
}

/** `/cart`: what is in it, and a form that adds to it. */
export function cartPage({ csrf, cart = [], notes }: Shown): string {
  return page(
    `<h1>Cart</h1>
<ul>${cart.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>
<form method="post" action="/cart">${csrf}
<label>Item <input name="item" required></label>
<button>Add</button>
</form>
<p><a href="/">Home</a></p>`,
    notes,
  )
}

function page(body: string, notes: readonly string[] = []): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>sojourn</title>
<style>
body { font: 1rem/1.5 system-ui; max-width: 34rem; margin: 2rem auto; padding: 0 1rem }
label { display: block; margin: .5rem 0 }
[role=status] { background: #e8f3ec; padding: .5rem 1rem }
</style>
${notes.map((note) => `<p role="status">${escaped(note)}</p>`).join('\n')}
${body}
</html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
