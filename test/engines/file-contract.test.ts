import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { signedCodec } from '../../src/codecs/signed.js'
import { fileEngine } from '../../src/engines/file.js'
import { testClock } from '../../src/testing/clock.js'
import { engineContract } from '../../src/testing/engine-contract.js'
import type { EngineUnderTest } from '../../src/testing/engine-trial.js'
import { SECRET } from '../support/sites.js'

describe.each([true, false])('the contract of engines, sync: %s', (sync) => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sojourn-file-'))
  })
  afterAll(() => {
    const left = readdirSync(folder).filter((name) => name.startsWith('.'))
    rmSync(folder, { recursive: true })
    expect(left, 'neither locks nor temporary files are left').toEqual([])
  })

  const start = (): EngineUnderTest => {
    const clock = testClock()
    const make = () => fileEngine({ folder, codec: signedCodec({ secretKey: SECRET, clock }), clock, sync })
    return { clock, engine: make(), again: make }
  }
  for (const { name, run } of engineContract(start)) test(name, run)
})
