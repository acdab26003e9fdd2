import { expect, test } from 'vitest'
import { timed } from '../../src/testing/timed.js'

test('a wait takes as long as it takes, but for what its process stood still', async () => {
  const wait = async (): Promise<string> => {
    await new Promise((resolve) => setTimeout(resolve, 30))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 700)
    await new Promise((resolve) => setTimeout(resolve, 30))
    return 'done'
  }
  const { value, took, lost } = await timed(wait())
  expect(value).toBe('done')
  expect(took).toBeGreaterThanOrEqual(60)
  expect(lost).toBeGreaterThanOrEqual(590)
  expect(took).toBeLessThan(700)
})

test('what its process works at counts', async () => {
  const { took } = await timed(
    new Promise<void>((resolve) => {
      const until = process.cpuUsage().user + 500_000
      setTimeout(() => {
        while (process.cpuUsage().user < until);
        resolve()
      }, 20)
    }),
  )
  expect(took).toBeGreaterThanOrEqual(480)
})

test('what fails is not hidden', async () => {
  await expect(timed(Promise.reject(new Error('no answer')))).rejects.toThrow('no answer')
})
