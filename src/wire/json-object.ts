import { nestedEnd, quoteString, skipBlanks, stringEnd } from './json-string.js'

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/** Numbers as JSON has them, and Python's three more. */
const NUMBER = /-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN/y

/**
 * The top level of an object's JSON text: each key with the text of its value, untouched and in order, so that what
 * nobody reads is written back byte for byte. Integer-like keys stay where they are, a key that comes twice keeps its
 * first place and its last value (a Python dict does), `__proto__` is a key like any other. `null` if the text is no
 * object or its top level is malformed; what is inside of nested values shows when they are parsed.
 */
export function splitObject(text: string): Map<string, string> | null {
  const cells = new Map<string, string>()
  let i = skipBlanks(text, 0)
  if (text.charCodeAt(i) !== OPEN_BRACE) return null
  i = skipBlanks(text, i + 1)
  if (text.charCodeAt(i) === CLOSE_BRACE) return skipBlanks(text, i + 1) === text.length ? cells : null
  for (;;) {
    if (text.charCodeAt(i) !== QUOTE) return null
    const keyEnd = stringEnd(text, i)
    const key = keyEnd < 0 ? null : readKey(text, i, keyEnd)
    if (key === null) return null
    i = skipBlanks(text, keyEnd)
    if (text.charCodeAt(i) !== COLON) return null
    i = skipBlanks(text, i + 1)
    const end = valueEnd(text, i)
    if (end < 0) return null
    cells.set(key, text.slice(i, end))
    i = skipBlanks(text, end)
    const code = text.charCodeAt(i)
    if (code === CLOSE_BRACE) return skipBlanks(text, i + 1) === text.length ? cells : null
    if (code !== COMMA) return null
    i = skipBlanks(text, i + 1)
  }
}

function readKey(text: string, start: number, end: number): string | null {
  const raw = text.slice(start + 1, end - 1)
  if (!raw.includes('\\')) return raw
  try {
    return JSON.parse('"' + raw + '"') as string
  } catch {
    return null
  }
}

function valueEnd(text: string, start: number): number {
  const code = text.charCodeAt(start)
  if (code === QUOTE) return stringEnd(text, start)
  if ((code | 32) === OPEN_BRACE) return nestedEnd(text, start)
  if (code === 116 /* t */) return text.startsWith('true', start) ? start + 4 : -1
  if (code === 102 /* f */) return text.startsWith('false', start) ? start + 5 : -1
  if (code === 110 /* n */) return text.startsWith('null', start) ? start + 4 : -1
  NUMBER.lastIndex = start
  return NUMBER.test(text) ? NUMBER.lastIndex : -1
}

/** Puts together what `splitObject` took apart, with Python's compact separators and keys in ASCII. */
export function joinObject(cells: ReadonlyMap<string, string>): string {
  let text = ''
  for (const [key, value] of cells) text += (text === '' ? '{' : ',') + quoteString(key) + ':' + value
  return text === '' ? '{}' : text + '}'
}
