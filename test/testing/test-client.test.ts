import 'reflect-metadata'
import { createServer } from 'node:http'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import express from 'express'
import fastify from 'fastify'
import { H3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { sojourn } from 'sojourn'
import { Client, type TestApp, testClient } from 'sojourn/testing'
import { expect, test } from 'vitest'
import { z } from 'zod'

const hono = new Hono().get('/', (c) => c.text('hello'))
const h3 = new H3().get('/', () => 'hello')
const koa = new Koa().use((ctx) => {
  ctx.body = 'hello'
})
const fast = fastify().get('/', async () => 'hello')

/** What the guide says to hand over, for each framework. */
const apps: Readonly<Record<string, () => TestApp | Promise<TestApp>>> = {
  'node:http': () => (_request, response) => void response.end('hello'),
  'a server that does not listen': () => createServer((_request, response) => void response.end('hello')),
  Express: () => express().get('/', (_req, res) => void res.send('hello')),
  Koa: () => koa.callback(),
  Fastify: async () => {
    await fast.ready()
    return fast.server
  },
  NestJS: async () => {
    class Root {}
    Module({})(Root)
    const nest = await NestFactory.create(Root, { logger: false })
    nest.use((_request: unknown, response: { end(text: string): void }) => response.end('hello'))
    await nest.init()
    return nest.getHttpServer()
  },
  Hono: () => hono,
  h3: () => h3,
  'a Fetch handler': () => ({ fetch: () => new Response('hello') }),
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
