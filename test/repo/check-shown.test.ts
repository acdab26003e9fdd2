import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkShown, renewShown } from '../../tools/check-shown.js'
import { tree } from './tree.js'

const shows = (file: string, code: string): string =>
  `# A page\n\n<!-- file: ${file} -->\n\`\`\`ts nocheck\n${code}\n\`\`\`\n`

describe('a page that shows a whole file', () => {
  test('is fine where it shows it as it is', () => {
    const root = tree({ 'docs/a.md': shows('app.ts', 'one()\n\ntwo()'), 'app.ts': 'one()\n\ntwo()\n' })
    expect(checkShown(root)).toEqual({ problems: [], summary: 'shown: 1 whole files are as they are' })
  })

  test('is a problem where the file has changed, until it is renewed', () => {
    const root = tree({ 'docs/a.md': shows('app.ts', 'one()'), 'app.ts': 'two($&)\n' })
    expect(checkShown(root).problems).toEqual([
      'docs/a.md:3 does not show app.ts as it is: npx tsx tools/check-shown.ts --write',
    ])
    renewShown(root)
    expect(checkShown(root).problems).toEqual([])
    expect(readFileSync(join(root, 'docs/a.md'), 'utf8')).toBe(shows('app.ts', 'two($&)'))
  })

  test('is a problem where the file is not there, and where no block follows', () => {
    const root = tree({ 'docs/a.md': shows('gone.ts', 'one()'), 'docs/b.md': '<!-- file: app.ts -->\n\ntext\n' })
    expect(checkShown(root).problems).toEqual([
      'docs/a.md:3 shows gone.ts, which is not there',
      'docs/b.md:1 announces 1 files and shows 0',
    ])
  })
})
