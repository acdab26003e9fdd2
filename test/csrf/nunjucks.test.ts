import nunjucks from 'nunjucks'
import { describe, expect, test } from 'vitest'
import { Scope } from '../../src/core/scope.js'
import { csrfTokenTag } from '../../src/csrf/templates/nunjucks.js'
import { unmaskToken } from '../../src/csrf/token.js'
import { ImproperlyConfigured, NoScope } from '../../src/errors.js'
import { requestHead } from '../support/sites.js'
import { csrfSite, secret } from './requests.js'

const FIELD = /^<form><input type="hidden" name="csrfmiddlewaretoken" value="([a-zA-Z0-9]{64})"><\/form>$/

function environment(options: nunjucks.ConfigureOptions, templates: Record<string, string> = {}): nunjucks.Environment {
  class Memory extends nunjucks.Loader implements nunjucks.ILoader {
    getSource(name: string): nunjucks.LoaderSource {
      return { src: templates[name] ?? '', path: name, noCache: true }
    }
  }
  const made = new nunjucks.Environment(new Memory(), options)
  made.addExtension('csrf_token', csrfTokenTag())
  return made
}

function request(): object {
  const made = {}
  Scope.open(csrfSite(), made, requestHead({ cookie: `csrftoken=${secret}` }))
  return made
}

describe('{% csrf_token %}', () => {
  test.each([true, false])('is the hidden field, as HTML (autoescape: %s)', (autoescape) => {
    const html = environment({ autoescape }).renderString('<form>{% csrf_token %}</form>', { request: request() })
    expect(unmaskToken(FIELD.exec(html)?.[1] ?? '')).toBe(secret)
  })

  test('gives each form of a page a token of its own', () => {
    const html = environment({}).renderString('{% for i in [1, 2] %}{% csrf_token %}{% endfor %}', {
      request: request(),
    })
    const tokens = [...html.matchAll(/value="(\w+)"/g)].map((match) => match[1] as string)
    expect(new Set(tokens).size).toBe(2)
    expect(tokens.map(unmaskToken)).toEqual([secret, secret])
  })

  test('works in blocks, included templates and macros imported with context', () => {
    const templates = {
      base: '<form>{% block form %}{% endblock %}</form>',
      child: '{% extends "base" %}{% block form %}{% csrf_token %}{% endblock %}',
      outer: '<form>{% include "inner" %}</form>',
      inner: '{%- csrf_token -%}',
      importing: '{% import "macros" as macros with context %}<form>{{ macros.field() }}</form>',
      macros: '{% macro field() %}{% csrf_token %}{% endmacro %}',
    }
    const made = environment({ autoescape: true }, templates)
    for (const name of ['child', 'outer', 'importing']) {
      expect(made.render(name, { request: request() })).toMatch(FIELD)
    }
  })

  test('without a request, or without the middleware, is an error that says so', () => {
    const render = (context: object): string => environment({}).renderString('{% csrf_token %}', context)
    for (const context of [{}, { request: null }, { request: 'GET' }]) {
      expect(() => render(context)).toThrow(/ImproperlyConfigured.*\{ request \}/s)
    }
    expect(() => render({ request: {} })).toThrow(/NoScope/)
    expect([ImproperlyConfigured.name, NoScope.name]).toEqual(['ImproperlyConfigured', 'NoScope'])
  })
})
