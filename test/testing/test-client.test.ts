import 'reflect-metadata'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Controller, Get, type INestApplication, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import express from 'express'
import fastify from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { ImproperlyConfigured, sojourn } from 'sojourn'
import { getSession, sojourn as onFetch } from 'sojourn/fetch'
import { Client, type TestApp, testClient } from 'sojourn/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'

const hono = new Hono().get('/', (c) => c.text('hello'))
const h3 = new H3().get('/', () => 'hello')
const koa = new Koa().use((ctx) => {
  ctx.body = 'hello'
})
const fast = fastify().get('/', async () => 'hello')

async function nestApp(...adapter: FastifyAdapter[]): Promise<INestApplication> {
  class Pages {
    hello(): string {
      return 'hello'
    }
  }
  Controller()(Pages)
  Get()(Pages.prototype, 'hello', Object.getOwnPropertyDescriptor(Pages.prototype, 'hello') as PropertyDescriptor)
  class Root {}
  Module({ controllers: [Pages] })(Root)
  return NestFactory.create(Root, ...(adapter as []), { logger: false })
}

/** What the guide says to hand over, for each framework. */
const apps: Readonly<Record<string, () => TestApp | Promise<TestApp>>> = {
  'node:http': () => (_request, response) => void response.end('hello'),
  'a server that does not listen': () => createServer((_request, response) => void response.end('hello')),
  Express: () => express().get('/', (_req, res) => void res.send('hello')),
  Koa: () => koa,
  'the callback of Koa': () => koa.callback(),
  Fastify: () => fastify().get('/', async () => 'hello'),
  'the server of Fastify': async () => {
    await fast.ready()
    return fast.server
  },
  NestJS: () => nestApp(),
  'NestJS on Fastify': () => nestApp(new FastifyAdapter()),
  'the server of NestJS': async () => {
    const nest = await nestApp()
    await nest.init()
    return nest.getHttpServer()
  },
  Hono: () => hono,
  h3: () => h3,
  'an object with a Fetch handler': () => ({ fetch: () => new Response('hello') }),
}

test.each(Object.entries(apps))('%s is served', async (_, app) => {
  await using client = await testClient(await app())
  expect((await client.get('/')).text).toBe('hello')
})

test('closing ends the server and the connections, and not the app', async () => {
  const app = (_request: unknown, response: { end(text: string): void }): void => response.end('there')
  const client = await testClient(app)
  const other = new Client(client.origin)
  expect((await other.get('/')).text).toBe('there')
  await client.close()
  await expect(other.get('/')).rejects.toThrow()
  await other.close()
  await using again = await testClient(app)
  expect((await again.get('/')).text).toBe('there')
})

test('sessions are typed by the schema of the site', async () => {
  const site = sojourn({
    secretKey: 'a secret of tests',
    sessionEngine: 'memory',
    sessionSchema: z.object({ cart: z.array(z.string()) }),
  })
  await using client = await testClient({ fetch: () => new Response() }, { site })
  await client.editSession((session) => {
    session.cart = ['book']
    // @ts-expect-error a key that the schema has not
    session.card
  })
  const { cart } = await client.session()
  const items: string[] | undefined = cart
  expect(items).toEqual(['book'])
})

test('a Fetch handler is served as it is', async () => {
  const sessions = onFetch({ secretKey: 'a secret of tests', sessionEngine: 'memory' })
  const handler = sessions(async (request) => new Response(String((await getSession(request)).get('a', 'nothing'))))
  await using client = await testClient(handler, { site: sessions })
  expect((await client.get('/')).text).toBe('nothing')
  // What an adapter has made is taken for its site.
  await client.editSession((session) => session.set('a', 'kept'))
  expect((await client.get('/')).text).toBe('kept')
  await sessions.site.close()
})

test.each([undefined, null, 'an app', {}])('what is no app is refused at the call (%s)', async (app) => {
  const refused = testClient(app as never)
  await expect(refused).rejects.toThrow(ImproperlyConfigured)
  await expect(refused).rejects.toThrow('testClient takes an app of Express, Koa, Fastify, Nest, Hono or h3')
})

const failing: Readonly<Record<string, TestApp>> = {
  'a listener that throws': (_request, _response) => {
    throw new Error('what the app threw')
  },
  'a listener that rejects': async (_request, _response) => {
    throw new Error('what the app threw')
  },
  'a Fetch handler that rejects': { fetch: () => Promise.reject(new Error('what the app threw')) },
}
test.each(Object.entries(failing))('%s: the request rejects with it', async (_, app) => {
  await using client = await testClient(app)
  await expect(client.get('/')).rejects.toThrow('what the app threw')
})

test('the server of a Fastify that is not ready fails its request, and not the process', async () => {
  await using client = await testClient(fastify().get('/', async () => 'hello').server)
  await expect(client.get('/')).rejects.toThrow(TypeError)
})

test('a Fetch handler of two arguments says how to hand it over', async () => {
  const handler = async (_request: Request, _env: object): Promise<Response> => new Response('hello')
  await using client = await testClient(handler as never)
  await expect(client.get('/')).rejects.toThrow('{ fetch: handler }')
})

test('an answer that breaks off is no failure of a later request', async () => {
  await using client = await testClient(async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/cut') return void request.socket.destroy()
    response.write('begun')
    throw new Error('too late')
  })
  await expect(client.get('/late')).rejects.toThrow('aborted')
  await expect(client.get('/cut')).rejects.toThrow('socket hang up')
})
