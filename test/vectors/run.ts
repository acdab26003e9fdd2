/** `npm run vectors [-- FILE]`: how the vectors of a file come out, by kind. Exit 1 on a failure, 2 on an unreadable file. */
import { kinds } from './kinds/index.js'
import { formatReport, newestCases, readVectors, runVectors, type VectorFile } from './runner.js'

const file = process.argv[2] ?? new URL('vectors.json', import.meta.url)

let vectors: VectorFile | undefined
try {
  vectors = readVectors(file)
} catch (error) {
  console.error(`${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  process.exitCode = 2
}
if (vectors !== undefined) {
  const report = await runVectors(newestCases(vectors), kinds)
  console.log(formatReport(report))
  if (report.failures.length > 0) process.exitCode = 1
}
