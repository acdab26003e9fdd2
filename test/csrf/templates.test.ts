import ejs from 'ejs'
import { Eta } from 'eta'
import Handlebars from 'handlebars'
import { Liquid } from 'liquidjs'
import pug from 'pug'
import { describe, expect, test } from 'vitest'
import { Scope } from '../../src/core/scope.js'
import { csrfField, csrfInput } from '../../src/csrf/index.js'
import { csrfTokenHelper } from '../../src/csrf/templates/handlebars.js'
import { csrfTokenTag } from '../../src/csrf/templates/liquid.js'
import { unmaskToken } from '../../src/csrf/token.js'
import { requestHead } from '../support/sites.js'
import { csrfSite, secret } from './requests.js'

const FIELD = /^<form><input type="hidden" name="csrfmiddlewaretoken" value="([a-zA-Z0-9]{64})"\s?\/?><\/form>$/

function request(): object {
  const made = {}
  Scope.open(csrfSite(), made, requestHead({ cookie: `csrftoken=${secret}` }))
  return made
}

const liquid = new Liquid({ outputEscape: 'escape' })
liquid.registerTag('csrf_token', csrfTokenTag())
const handlebars = Handlebars.create()
handlebars.registerHelper('csrf_token', csrfTokenHelper(handlebars))
handlebars.registerPartial('field', '{{csrf_token}}')
const eta = new Eta()

type Render = (context: { readonly request?: object }) => string

/** The hidden field by each engine, as the guide says. */
const engines: readonly (readonly [string, Render])[] = [
  ['LiquidJS', (context) => liquid.parseAndRenderSync('<form>{% csrf_token %}</form>', context)],
  ['Handlebars', (context) => handlebars.compile('<form>{{csrf_token}}</form>')(context)],
  [
    'Handlebars, in a block and a partial',
    (context) => handlebars.compile('<form>{{#each items}}{{> field}}{{/each}}</form>')({ ...context, items: [1] }),
  ],
  ['EJS', (context) => ejs.render('<form><%- csrfInput(request) %></form>', { ...context, csrfInput })],
  ['Eta', (context) => eta.renderString('<form><%~ it.csrfInput(it.request) %></form>', { ...context, csrfInput })],
  ['Pug', (context) => pug.render('form\n  | !{csrfInput(request)}', { ...context, csrfInput })],
  [
    'Pug, by attributes',
    (context) => pug.render('form: input&attributes(csrfField(request))', { ...context, csrfField }),
  ],
]

describe.each(engines)('%s', (_, render) => {
  test('shows the hidden field, as HTML, with the secret of the visitor', () => {
    const html = render({ request: request() })
    expect(unmaskToken(FIELD.exec(html)?.[1] ?? html)).toBe(secret)
  })

  test('without the middleware is an error that says so', () => {
    expect(() => render({ request: {} })).toThrow(/sojourn scope/)
  })
})

test.each(engines.slice(0, 2))('%s without the request names what is missing', (_, render) => {
  expect(() => render({})).toThrow(/csrf_token.* needs the request in the template's context/)
})
