import { sojourn } from 'sojourn'
import { memoryEngine } from 'sojourn/engines/memory'
import { sojourn as onNode } from 'sojourn/node'
import { Client, serve, watched } from 'sojourn/testing'
import { expect, test } from 'vitest'

test.each([{}, { delay: 2 }])(
  'an answer that is whole leaves, though its page fails afterwards (%o)',
  async (watching) => {
    const site = sojourn({
      secretKey: 'a secret of the tests, of more than fifty characters in all',
      databases: { default: 'sqlite::memory:' },
      sessionEngine: watched(memoryEngine(), watching),
    })
    const failures: unknown[] = []
    site.on('request_failed', ({ error }) => failures.push(error))
    const bug = new Error('the page failed, as it was asked to')
    const served = await serve(
      onNode(site).handle(async (request, response) => {
        const visits = Number(request.session.get('visits', 0)) + 1
        request.session.visits = visits
        response.end(`visit ${visits}`)
        throw bug
      }),
    )
    const client = new Client(served.origin)
    try {
      expect((await client.get('/')).text).toBe('visit 1')
      expect((await client.get('/')).text).toBe('visit 2')
      expect(failures).toEqual([bug, bug])
    } finally {
      client.close()
      await served.close()
      await site.close()
    }
  },
)

test('what is written after the end of a held answer is told to its callback, and ends no process', async () => {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: watched(memoryEngine(), { delay: 2 }),
  })
  const errors: unknown[] = []
  const told: unknown[] = []
  const served = await serve(
    onNode(site).handle((request, response) => {
      request.session.a = 1
      response.on('error', (error) => errors.push(error))
      response.end('first')
      response.write('second', (error) => told.push((error as { code?: string } | null)?.code))
      response.end('third')
    }),
  )
  const client = new Client(served.origin)
  try {
    expect((await client.get('/')).text).toBe('first')
    expect((await client.get('/')).text).toBe('first')
    expect([errors, told]).toEqual([[], ['ERR_STREAM_WRITE_AFTER_END', 'ERR_STREAM_WRITE_AFTER_END']])
  } finally {
    client.close()
    await served.close()
    await site.close()
  }
})

test('what a page says of its status while the head is held comes too late', async () => {
  const site = sojourn({
    secretKey: 'a secret of the tests, of more than fifty characters in all',
    databases: { default: 'sqlite::memory:' },
    sessionEngine: watched(memoryEngine(), { delay: 2 }),
  })
  const served = await serve(
    onNode(site).handle((request, response) => {
      request.session.a = 1
      response.statusCode = 201
      response.statusMessage = 'Made'
      response.end('made')
      response.statusCode = 500
      response.statusMessage = 'Broken'
    }),
  )
  try {
    const { status, statusText } = await fetch(served.origin)
    expect([status, statusText]).toEqual([201, 'Made'])
  } finally {
    await served.close()
    await site.close()
  }
})
