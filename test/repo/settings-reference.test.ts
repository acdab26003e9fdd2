import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settingNames } from '../../src/core/settings-input.js'
import { repositoryRoot } from '../../tools/report.js'
import { referencePage, settingsReference } from '../../tools/settings-reference.js'

test('the reference page is what the table of settings makes', () => {
  expect(readFileSync(join(repositoryRoot, referencePage), 'utf8')).toBe(settingsReference())
})

test('the reference page has one entry for each setting', () => {
  const entries = [...settingsReference().matchAll(/^### `(\w+)`/gm)].map((match) => match[1])
  expect(entries.toSorted()).toEqual(settingNames().toSorted())
})
