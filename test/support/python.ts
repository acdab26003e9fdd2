import { spawnSync } from 'node:child_process'

/** Asks a real Python: a program that reads lines and prints lines. Throws with what it says if it fails. */
export function python(program: string, lines: readonly string[]): readonly string[] {
  const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', program], {
    input: lines.join('\n'),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (status !== 0) throw new Error(`Python ended with ${status}: ${stderr}`)
  return stdout.split('\n').slice(0, -1)
}
