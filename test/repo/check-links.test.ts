import { expect, test } from 'vitest'
import { checkLinks } from '../../tools/check-links.js'
import { runTool, tree } from './tree.js'

test('links to files, folders and headings are fine where these are there', () => {
  const root = tree({
    'README.md':
      '# Title\n\n[One](docs/a.md), [two](docs/a.md#h3-1-nitro-2), ![three](docs/b.png), [docs](docs), [`here`](#title)\n',
    'docs/a.md': '# A\n\n## h3 1, `Nitro` 2\n\n## More\n\n## More\n\n[Up](../README.md#title), [below](#more-1)\n',
    'docs/b.png': '',
  })
  expect(checkLinks(root)).toEqual({ problems: [], summary: 'links: 7 lead somewhere' })
})

test('a link to a file or a heading that is not there is told with its line', () => {
  const root = tree({
    'README.md': '# Title\n\n[One](docs/gone.md)\n',
    'CHANGELOG.md': '- [Two](docs/a.md#gone) and [three](#gone)\n',
    'docs/a.md': '# A\n\n[Four](../README.md#a)\n',
  })
  expect(checkLinks(root).problems).toEqual([
    'CHANGELOG.md:1 links to docs/a.md#gone, and docs/a.md has no such heading',
    'CHANGELOG.md:1 links to #gone, and CHANGELOG.md has no such heading',
    'README.md:3 links to docs/gone.md, and there is no docs/gone.md',
    'docs/a.md:3 links to ../README.md#a, and README.md has no such heading',
  ])
})

test('a comment in code is no heading, and neither code nor the web is a link of ours', () => {
  const code = '```python\n# settings\na[0](gone.md)\n```\n'
  const root = tree({
    'README.md': `${code}[Settings](#settings), [web](https://example.com/#gone), \`[a](gone.md)\`\n`,
  })
  expect(checkLinks(root)).toEqual({
    problems: ['README.md:5 links to #settings, and README.md has no such heading'],
    summary: 'links: 1 lead somewhere',
  })
})

test('as a program it exits 1 with a line per problem', () => {
  const { status, stderr } = runTool('check-links', tree({ 'README.md': '[One](gone.md)\n' }))
  expect({ status, stderr }).toEqual({ status: 1, stderr: 'README.md:1 links to gone.md, and there is no gone.md\n' })
})
