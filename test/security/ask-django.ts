import { spawnSync } from 'node:child_process'
import type { DjangoHome } from '../django/home.js'

/** Asks a real Django in one go: the program finds `given` and leaves its `answers`, one for each. */
export function askDjango<Given, Answer>(
  home: DjangoHome,
  program: string,
  given: readonly Given[],
): readonly Answer[] {
  const { python, pythonPath, bytecode } = home
  const whole = `import json, sys\ngiven = json.load(sys.stdin)\n${program}\nprint(json.dumps(answers))`
  const { status, stdout, stderr } = spawnSync(python, ['-c', whole], {
    input: JSON.stringify(given),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, PYTHONPATH: pythonPath, PYTHONPYCACHEPREFIX: bytecode, PYTHONNOUSERSITE: '1' },
  })
  if (status !== 0) throw new Error(`Django ended with ${status}: ${stderr}`)
  const answers = JSON.parse(stdout) as readonly Answer[]
  if (answers.length !== given.length) throw new Error(`Django answered ${answers.length} of ${given.length}.`)
  return answers
}
