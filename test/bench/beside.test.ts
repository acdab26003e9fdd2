import { expect, test } from 'vitest'
import { beside } from '../../bench/beside.js'
import type { Results } from '../../bench/results.js'
import { subjects } from '../../bench/subjects/index.js'
import { summarise } from '../../bench/summary.js'
import { renderTable } from '../../bench/table.js'
import { measurement, resultsOf } from './results.js'

/** A run in which each of these took so many microseconds for a read. */
function run(cpu: Readonly<Record<string, number>>): Results {
  const chosen = subjects.filter(({ name }) => name in cpu)
  expect(chosen).toHaveLength(Object.keys(cpu).length)
  const measurements = chosen.map(({ name }) => measurement(1, name, { cpu: cpu[name] }))
  return { ...resultsOf(measurements), subjects: chosen }
}

const found = (results: Results) => beside(results, summarise(results))

test('the floor is what is written by hand on the same driver', () => {
  const results = run({
    'node:http, bare': 10,
    'node:http, floor, Redis': 20,
    'node:http, floor, Redis by ioredis': 11,
    'node:http, sojourn, Redis': 30,
  })
  expect(found(results)).toEqual([
    {
      subject: 'node:http, sojourn, Redis',
      workload: 'read',
      floor: { to: 'node:http, floor, Redis', ratio: 1.5 },
      peer: null,
    },
  ])
})

test('the best peer is the one that takes least on such a store', () => {
  const results = run({
    'node:http, bare': 10,
    'node:http, sojourn, Redis by ioredis': 30,
    'node:http, express-session, memory': 11,
    'node:http, express-session, Redis': 60,
    'Fastify 5, bare': 100,
    'Fastify 5, @fastify/session, Redis': 110,
  })
  // On node:http it would take 10 + 10.
  expect(found(results)[0]?.peer).toEqual({ to: 'Fastify 5, @fastify/session, Redis', ratio: 1.5 })
})

test('nobody is compared with himself, and a peer of another store is none', () => {
  const results = run({
    'node:http, bare': 10,
    'node:http, sojourn, PostgreSQL': 30,
    'node:http, sojourn, PostgreSQL by postgres.js': 15,
    'node:http, express-session, Redis': 60,
  })
  expect(found(results).map(({ floor, peer }) => [floor, peer])).toEqual([
    [null, null],
    [null, null],
  ])
})

test('the table tells both ratios, and the updates that were lost', () => {
  const results = run({
    'node:http, bare': 10,
    'node:http, floor, memory': 16,
    'node:http, sojourn, memory': 20,
    'node:http, express-session, memory': 80,
  })
  const lost = [
    { subject: 'node:http, sojourn, memory', of: 800, lost: 0 },
    { subject: 'node:http, express-session, memory', of: 800, lost: 700 },
  ]
  const lines = renderTable({ ...results, lost }).split('\n')
  expect(lines).toContain('| node:http, sojourn, memory | 1.25 / 0.25 |')
  expect(lines.find((line) => line.startsWith('| node:http, sojourn, memory | +'))).toMatch(/\| 0 of 800 \|$/)
  expect(lines.find((line) => line.startsWith('| node:http, express-session, memory'))).toMatch(/\| 700 of 800 \|$/)
  expect(lines.find((line) => line.startsWith('| node:http, floor, memory'))).toMatch(/\| – \|$/)
})
