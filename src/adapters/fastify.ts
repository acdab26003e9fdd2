import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isPromise } from '../core/maybe.js'
import type { SchemaSettings } from '../core/schema-settings.js'
import { Scope, scopeOf } from '../core/scope.js'
import { sendByReply } from '../core/send.js'
import type { SchemaData, SessionSchema } from '../core/session-schema.js'
import type { Session, SessionData } from '../core/session-types.js'
import type { SettingsInput } from '../core/settings.js'
import type { Site } from '../core/site.js'
import type { MaybePromise, PlainResponse } from '../core/types.js'
import { BodyNotParsed, ImproperlyConfigured, SojournError } from '../errors.js'
import { siteOf } from '../sojourn.js'
import { answerFailure, BEFORE, finishBefore, foretell, isStream, type Reply } from './fastify-reply.js'
import { parsedForm } from './on-node/form.js'
import { NodeRequestHead } from './on-node/heads.js'
import { holdHead } from './on-node/hold-head.js'
import { ownHeaders } from './on-node/standing-headers.js'
import { notOurs } from './one-session.js'
import { isMultipart, type ParsedForm } from './submitted-form.js'

export * from './api.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The visitor's session; there once sojourn's plugin is registered. */
    session: Session
  }
}

/** A plugin for `app.register`, whatever server the app stands on. */
export interface FastifyPlugin<T extends object = SessionData> {
  (app: object, options: object): Promise<void>
  readonly site: Site<T>
}

type Done = (error?: Error) => void

/** What a Fastify instance, and every one below it, has of sojourn. */
const SITE = Symbol('sojourn.site')

/**
 * Sessions for Fastify 5: `request.session`, protected forms, login and messages, for the instance it is registered on and those below it.
 * Forms are parsed by plugins of Fastify (`@fastify/formbody`, `@fastify/multipart`), in any order. Failures of the store go to the app's error
 * handler, with the status and `Retry-After` set already. `app.close()` closes what settings opened; a site that is given stays open.
 *
 * @example
 * ```ts
 * import fastify from 'fastify'
 * import { sojourn } from 'sojourn/fastify'
 *
 * const app = fastify()
 * await app.register(sojourn({ secretKey: 'a long random text', sessionEngine: 'memory' }))
 * app.get('/', async (request) => {
 *   request.session.visits = Number(request.session.get('visits', 0)) + 1
 *   return `visit ${request.session.visits}`
 * })
 * ```
 */
export function sojourn<const S extends SessionSchema>(settings: SchemaSettings<S>): FastifyPlugin<SchemaData<S>>
export function sojourn<T extends object = SessionData>(settings: SettingsInput | Site<T>): FastifyPlugin<T>
export function sojourn(settings: SettingsInput | Site): FastifyPlugin {
  const site = siteOf(settings)
  let closed: Promise<void> | undefined
  const plugin = async (instance: object): Promise<void> => {
    const app = instance as FastifyInstance & { readonly [SITE]?: Site }
    if (app[SITE] === site) return
    decorate(app, site)
    addHooks(app, site)
    if (site !== settings) app.addHook('onClose', () => (closed ??= site.close()))
  }
  return Object.assign(plugin, {
    site,
    // What `fastify-plugin` sets: the hooks are for the instance that registers it, not for one below.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'sojourn',
    [Symbol.for('plugin-meta')]: { name: 'sojourn', fastify: '5.x' },
  })
}

function decorate(app: FastifyInstance & { readonly [SITE]?: Site }, site: Site): void {
  // With two scopes for one request, each would skip the other's checks.
  if (app[SITE] !== undefined) {
    throw new ImproperlyConfigured(
      'Another site of sojourn has these routes already: register each site in a plugin of its own, beside the other.',
    )
  }
  if (app.hasRequestDecorator('session')) {
    throw new ImproperlyConfigured(
      'Another plugin has request.session already (@fastify/session, @fastify/secure-session?): register only one of them for the same routes.',
    )
  }
  app.decorate(SITE, site)
  if (!app.hasReplyDecorator(BEFORE)) app.decorateReply(BEFORE, null)
  app.decorateRequest('session', {
    getter(this: FastifyRequest): Session {
      return scopeOf(this).session
    },
    setter(): never {
      throw notOurs()
    },
  })
}

function addHooks(app: FastifyInstance, site: Site): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (Scope.of(site, request) !== undefined) return done()
    const scope = Scope.open(site, request, new NodeRequestHead(request, formOf))
    scope.carriedBy(request.raw)
    ;(reply as Reply)[BEFORE] = ownHeaders(reply.getHeaders())
    holdHead(reply.raw, scope, (error, ended) => answerFailure(reply, scope, error, ended))
    ask(scope, 'processRequest', reply, done)
  })
  // Here bodies are parsed, and no schema has taken away the field that it does not know.
  app.addHook('preValidation', (request, reply, done) => {
    const scope = Scope.of(site, request)
    if (scope === undefined || isUnreadMultipart(request)) done()
    else ask(scope, 'processView', reply, done)
  })
  // By now multipart forms are parsed too, though the plugin that does it was registered after this one.
  app.addHook('preHandler', (request, reply, done) => {
    const scope = Scope.of(site, request)
    if (scope === undefined) return done()
    ;(reply as Reply)[BEFORE] = ownHeaders(reply.getHeaders())
    ask(scope, 'processView', reply, done)
  })
  // Some of a stream would have left already when its save fails. Anything else is held, and all other hooks may change the session.
  app.addHook('onSend', (request, reply, payload, done) => {
    const scope = Scope.of(site, request)
    if (scope === undefined || !isStream(payload)) done(null, payload)
    else finishBefore(payload, reply, scope, done)
  })
  // With an error handler of the app, Fastify would else answer 200 unless that sets a status.
  app.addHook('onError', (_request, reply, error, done) => {
    if (error instanceof SojournError) foretell(reply, error)
    done()
  })
}

/** Asks the scope before the handler; goes on, or answers instead. */
function ask(scope: Scope, moment: 'processRequest' | 'processView', reply: Reply, done: Done): void {
  let answer: MaybePromise<PlainResponse | undefined>
  try {
    answer = scope[moment]()
  } catch (error) {
    done(error as Error)
    return
  }
  if (isPromise(answer)) answer.then((given) => proceed(given, reply, done), done)
  else proceed(answer, reply, done)
}

function proceed(answer: PlainResponse | undefined, reply: Reply, done: Done): void {
  if (answer === undefined) done()
  else sendByReply(reply, answer)
}

function isUnreadMultipart(request: FastifyRequest): boolean {
  return parsedForm(request) === undefined && hasParts(request)
}

function hasParts(request: FastifyRequest): boolean {
  return isMultipart(request.headers['content-type'] ?? '')
}

/** The form as the app's plugins parsed it. */
function formOf(request: FastifyRequest): ParsedForm | undefined {
  const form = parsedForm(request)
  if (!hasParts(request)) return form
  if (form !== undefined) return Object.fromEntries(Object.entries(form).map(([name, field]) => [name, textOf(field)]))
  throw new BodyNotParsed(
    "A multipart form arrived and nothing parsed it before its handler: register @fastify/multipart with `attachFieldsToBody: 'keyValues'`, or send the token in the X-CSRFToken header.",
  )
}

/** With `attachFieldsToBody: true` a field is an object that has its text as `value`. */
function textOf(field: unknown): unknown {
  if (Array.isArray(field)) return field.map(textOf)
  return (field as { value?: unknown } | null)?.value ?? field
}
