import { setTimeout as wait } from 'node:timers/promises'
import type { Child } from './child.js'
import type { Look } from './load.js'
import type { Count, Lost } from './results.js'
import { type Bench, targetsOf, withSubject } from './serving.js'
import { isLibrary, type Subject } from './subjects/index.js'
import { CLIENTS } from './subjects/pages.js'
import { aftermathOf, serversOf } from './subjects/stores.js'

/** Requests of each kind in the pass that counts. */
const COUNTED = 20
/** How often each of several clients counts. */
const TIMES = 100

/** The pass that measures nothing: what each subject asks of its store, and what it loses. */
export async function countAll(
  bench: Bench,
  subjects: readonly Subject[],
): Promise<{ readonly counts: readonly Count[]; readonly lost: readonly Lost[] }> {
  const counts: Count[] = []
  const lost: Lost[] = []
  for (const subject of subjects) {
    process.stderr.write(`counting: ${subject.name}\n`)
    counts.push(...(await count(bench, subject)))
    if (isLibrary(subject)) lost.push(await lose(bench, subject))
  }
  return { counts, lost }
}

/** What a subject asks of its store and says to caches, request by request. */
async function count(bench: Bench, subject: Subject): Promise<Count[]> {
  const { load, servers } = bench
  const watch = await servers.watch(serversOf(subject.store))
  const counter = async (server: Child, port: number): Promise<Count[]> => {
    const counted: Count[] = []
    for (const { workload, target } of await targetsOf(subject, port, load, 1)) {
      // What is done once for a connection, or for a script, is not of the request.
      await load.ask<Look>('look', { ...target, times: 2 })
      await wait(aftermathOf(subject.store))
      await Promise.all([server.ask('tally'), watch.take()])
      const { wrong, setCookie, vary } = await load.ask<Look>('look', { ...target, times: COUNTED })
      await wait(aftermathOf(subject.store))
      const operations = { ...(await server.ask<Record<string, number>>('tally')), ...(await watch.take()) }
      if (wrong > 0 && subject.module !== 'bare') {
        throw new Error(`${subject.name} gave ${wrong} wrong answers of ${COUNTED} to '${workload.name}'.`)
      }
      counted.push({ subject: subject.name, workload: workload.name, requests: COUNTED, operations, setCookie, vary })
    }
    return counted
  }
  try {
    return await withSubject(bench, subject, counter, 'count')
  } finally {
    await watch.end()
  }
}

/** How many counts of several clients of one session are lost. */
function lose(bench: Bench, subject: Subject): Promise<Lost> {
  return withSubject(bench, subject, async (_, port) => {
    const lost = await bench.load.ask<number>('lose', { port, clients: CLIENTS, times: TIMES })
    return { subject: subject.name, of: CLIENTS * TIMES, lost }
  })
}
