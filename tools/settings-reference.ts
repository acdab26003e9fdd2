import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { djangoName, type Row, type Section, settingsTable } from '../src/core/settings.js'
import { repositoryRoot } from './report.js'

/** Where the page is, from the root. */
export const referencePage = 'docs/reference/settings.md'

const HEADINGS: Readonly<Record<Section, string>> = {
  site: 'Site',
  sessions: 'Sessions',
  csrf: 'CSRF protection',
  messages: 'Messages',
  auth: 'Login and users',
  hosts: 'Hosts and proxies',
}

const INTRODUCTION = `# Settings

<!-- Made from src/core/settings.ts by \`npx tsx tools/settings-reference.ts\`: change the table there, not this page. -->

\`sojourn(settings)\` takes the settings below. Each has two spellings, TypeScript's and Django's, and either will do; both for one
setting is an error, and so is a name that is not here. A setting that is \`undefined\` counts as not given.

\`defineSettings({ ... })\` types and checks settings where they are written. \`settingsFromEnv()\` reads those that the environment has
under Django's names: booleans are \`true\`/\`false\`, \`yes\`/\`no\`, \`on\`/\`off\` or \`1\`/\`0\`; lists are JSON or separated by commas; objects
are JSON; \`None\`, \`null\` or an empty text is null where null is allowed. \`DATABASE_URL\` is the default database.

Settings marked with an asterisk are sojourn's own; the others are Django's.
`

/** The page that lists every setting of the table. */
export function settingsReference(): string {
  const rows: [string, Row<unknown>][] = Object.entries(settingsTable) as [string, Row<unknown>][]
  const sections = (Object.keys(HEADINGS) as Section[]).map((section) => {
    const entries = rows.filter(([, row]) => row.section === section).map(([name, row]) => entry(name, row))
    return `\n## ${HEADINGS[section]}\n\n${entries.join('\n')}`
  })
  return INTRODUCTION + sections.join('')
}

function entry(name: string, row: Row<unknown>): string {
  return [
    `### \`${name}\`${row.django ? '' : ' \\*'}`,
    '',
    `\`${djangoName(name)}\`. ${row.doc}`,
    '',
    `- Default: ${name === 'secretKey' ? 'none; it must be given' : shown(row.default)}`,
    `- Allowed: ${row.rule.allowed.replaceAll('*', '\\*')}`,
    '',
  ].join('\n')
}

function shown(value: unknown): string {
  return `\`${value === Date.now ? 'Date.now' : JSON.stringify(value)}\``
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  writeFileSync(join(repositoryRoot, referencePage), settingsReference())
}
