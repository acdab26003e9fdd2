import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import expressSession from 'express-session'
import { signedCodec } from 'sojourn/codecs/signed'
import { sqlite } from 'sojourn/databases/sqlite'
import { dbEngine, sessionTables } from 'sojourn/engines/db'
import { sojourn as onExpress } from 'sojourn/express'
import { adapterContract, Client, type Start, serve } from 'sojourn/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const CLIENTS = 32
const REQUESTS = 100

/** The same as the contract's page: each client counts under its own key, with time to think. */
const key = (client: number): string => `counter ${client}`

describe('on a SQLite file, Express 5', () => {
  let folder: string
  let files = 0
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sojourn-sqlite-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const express5: Start = (site, app) => serve(express().use(onExpress(site)).use(app.node))
  const engine = (): ReturnType<typeof dbEngine> => {
    const database = sqlite(`sqlite:${join(folder, `${++files}.sqlite3`)}`)
    void sessionTables(database)
    const made = dbEngine({ database, codec: signedCodec({ secretKey: 'a secret of the tests' }) })
    return Object.assign(made, { close: () => database.close() })
  }
  for (const { name, run } of adapterContract(express5, { engine })) test(name, run, 120_000)
})

describe('the same load on a library that saves whole sessions', () => {
  test('express-session loses more than half, so the count can tell', async () => {
    const app = express()
    app.use(expressSession({ secret: 'a secret', resave: false, saveUninitialized: false }))
    app.get('/add', async (request, response) => {
      const session = request.session as unknown as Record<string, number>
      const name = String(request.query.key)
      const before = session[name] ?? 0
      await sleep(2)
      session[name] = before + 1
      response.send('added')
    })
    app.get('/read', (request, response) => {
      response.json(request.session)
    })
    const served = await serve(app)
    const alice = new Client(served.origin)
    await alice.get('/add?key=begun')
    const cookie = alice.cookies.get('connect.sid') as string
    const clients = Array.from({ length: CLIENTS }, () => new Client(served.origin))
    await Promise.all(
      clients.map(async (client, i) => {
        client.cookies.set('connect.sid', cookie)
        for (let n = 0; n < REQUESTS; n++) await client.get(`/add?key=${encodeURIComponent(key(i))}`)
      }),
    )
    const counted = (await alice.get('/read')).json()
    const kept = clients.reduce((sum, _, i) => sum + Number(counted[key(i)] ?? 0), 0)
    for (const client of [alice, ...clients]) client.close()
    await served.close()
    expect(kept).toBeLessThan((CLIENTS * REQUESTS) / 2)
  })
})
